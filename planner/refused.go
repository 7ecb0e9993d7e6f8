package planner

import (
	"slices"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// refusal is functions of MySQL that weir has not, and what to write instead.
type refusal struct {
	names string
	hint  string // empty: there is nothing
}

// Refused returns the functions of MySQL that are refused by name, in upper case,
// each with the hint that it gets.
func Refused() map[string]string {
	out := map[string]string{}
	for _, r := range slices.Concat(refusedOfServer(), refusedOfData(), refusedOfRows(), refusedOfPlugins()) {
		for _, name := range strings.Fields(r.names) {
			out[name] = r.hint
		}
	}
	return out
}

// refusedOfServer are functions about a server, its sessions and accounts.
func refusedOfServer() []refusal {
	return []refusal{
		{"SLEEP BENCHMARK", "a query does not wait; rows come as they arrive"},
		{"GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS IS_FREE_LOCK IS_USED_LOCK", "queries share nothing that they could lock"},
		{"LOAD_FILE", "read a file as a relation: SELECT * FROM 'data.jsonl'"},
		{"VERSION ICU_VERSION", "weir --version tells it"},
		{"DATABASE SCHEMA", "there is one catalog, without schemas"},
		{"USER CURRENT_USER SESSION_USER SYSTEM_USER CURRENT_ROLE ROLES_GRAPHML", "a query knows nothing of who asks"},
		{"CONNECTION_ID PS_CURRENT_THREAD_ID PS_THREAD_ID", "a query belongs to no connection; SHOW QUERIES has its id"},
		{"LAST_INSERT_ID ROW_COUNT FOUND_ROWS NAME_CONST", "statements do not know of each other; COUNT(*) counts the rows of a query"},
		{"CHARSET COLLATION COERCIBILITY WEIGHT_STRING", "text is UTF-8 and compares by its bytes"},
		{"DEFAULT VALUES", "columns have no default values"},
		{"STATEMENT_DIGEST STATEMENT_DIGEST_TEXT VALIDATE_PASSWORD_STRENGTH PASSWORD OLD_PASSWORD", ""},
		{"GTID_SUBSET GTID_SUBTRACT WAIT_FOR_EXECUTED_GTID_SET MASTER_POS_WAIT SOURCE_POS_WAIT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", "the place of a record is its `_shard` and `_seq`"},
		{"ASYNCHRONOUS_CONNECTION_FAILOVER_ADD_MANAGED ASYNCHRONOUS_CONNECTION_FAILOVER_ADD_SOURCE ASYNCHRONOUS_CONNECTION_FAILOVER_DELETE_MANAGED " +
			"ASYNCHRONOUS_CONNECTION_FAILOVER_DELETE_SOURCE ASYNCHRONOUS_CONNECTION_FAILOVER_RESET GROUP_REPLICATION_DISABLE_MEMBER_ACTION " +
			"GROUP_REPLICATION_ENABLE_MEMBER_ACTION GROUP_REPLICATION_GET_COMMUNICATION_PROTOCOL GROUP_REPLICATION_GET_WRITE_CONCURRENCY " +
			"GROUP_REPLICATION_RESET_MEMBER_ACTIONS GROUP_REPLICATION_SET_AS_PRIMARY GROUP_REPLICATION_SET_COMMUNICATION_PROTOCOL " +
			"GROUP_REPLICATION_SET_WRITE_CONCURRENCY GROUP_REPLICATION_SWITCH_TO_MULTI_PRIMARY_MODE GROUP_REPLICATION_SWITCH_TO_SINGLE_PRIMARY_MODE", "there is one server"},
		{"CAN_ACCESS_COLUMN CAN_ACCESS_DATABASE CAN_ACCESS_TABLE CAN_ACCESS_USER CAN_ACCESS_VIEW GET_DD_COLUMN_PRIVILEGES GET_DD_CREATE_OPTIONS " +
			"GET_DD_INDEX_SUB_PART_LENGTH INTERNAL_AUTO_INCREMENT INTERNAL_AVG_ROW_LENGTH INTERNAL_CHECK_TIME INTERNAL_CHECKSUM INTERNAL_DATA_FREE " +
			"INTERNAL_DATA_LENGTH INTERNAL_DD_CHAR_LENGTH INTERNAL_GET_COMMENT_OR_ERROR INTERNAL_GET_ENABLED_ROLE_JSON INTERNAL_GET_HOSTNAME " +
			"INTERNAL_GET_USERNAME INTERNAL_GET_VIEW_WARNING_OR_ERROR INTERNAL_INDEX_COLUMN_CARDINALITY INTERNAL_INDEX_LENGTH INTERNAL_IS_ENABLED_ROLE " +
			"INTERNAL_IS_MANDATORY_ROLE INTERNAL_KEYS_DISABLED INTERNAL_MAX_DATA_LENGTH INTERNAL_TABLE_ROWS INTERNAL_UPDATE_TIME", "SHOW and DESCRIBE tell what the catalog has"},
	}
}

// refusedOfData are functions of values.
func refusedOfData() []refusal {
	return []refusal{
		{"AES_ENCRYPT AES_DECRYPT DES_ENCRYPT DES_DECRYPT ENCODE DECODE ENCRYPT", "keys do not belong into a query; SHA2(x, 256) makes a hash"},
		{"COMPRESS UNCOMPRESS UNCOMPRESSED_LENGTH", ""},
		{"RANDOM_BYTES", "write UUID(), or SHA2(UUID(), 256) for more digits"},
		{"UUID_SHORT", "`_shard` and `_seq` name a record; UUID() makes an identifier"},
		{"UUID_TO_BIN BIN_TO_UUID", "UNHEX(REPLACE(u, '-', '')) makes bytes of a UUID, HEX(b) text of them"},
		{"INET6_ATON INET6_NTOA IS_IPV4_COMPAT IS_IPV4_MAPPED", "INET_ATON, INET_NTOA, IS_IPV4 and IS_IPV6 are here"},
		{"EXTRACTVALUE UPDATEXML", "XML is not read; JSON is, with JSON_VALUE(doc, '$.name')"},
		{"FORMAT_PICO_TIME", "write CONCAT(ROUND(x / 1e9, 2), ' ms')"},
		{"GET_FORMAT", "write the format: '%Y-%m-%d %H:%i:%s'"},
		{"JSON_SCHEMA_VALID JSON_SCHEMA_VALIDATION_REPORT", "JSON_TYPE and JSON_CONTAINS_PATH look at a document"},
		{"JSON_STORAGE_FREE JSON_STORAGE_SIZE", "LENGTH(doc) is how many bytes it has"},
		{"JSON_MERGE", "write JSON_MERGE_PATCH or JSON_MERGE_PRESERVE"},
		{"MATCH", "write x LIKE '%word%' or REGEXP_LIKE(x, 'word')"},
		{spatial(), "places are numbers: keep longitude and latitude in columns of their own"},
	}
}

// refusedOfRows are functions of times and documents, aggregates, and what looks
// at several rows.
func refusedOfRows() []refusal {
	return []refusal{
		{"JSON_TABLE", "JSON_EXTRACT, JSON_VALUE and JSON_LENGTH read a document"},
		{"NTH_VALUE LAG LEAD ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST NTILE", "FIRST_VALUE(x), LAST_VALUE(x) and TOP_K(x, n) look at the rows of a group"},
	}
}

// refusedOfPlugins are the functions that MySQL's reference calls loadable, and those of
// the releases behind MySQL 8.
func refusedOfPlugins() []refusal {
	const accounts = "a query knows nothing of accounts; tokens say who is let in"
	const mask = "write what may be seen: RIGHT(x, 4), or SHA2(x, 256)"
	return []refusal{
		{"ASYMMETRIC_DECRYPT ASYMMETRIC_DERIVE ASYMMETRIC_ENCRYPT ASYMMETRIC_SIGN ASYMMETRIC_VERIFY CREATE_ASYMMETRIC_PRIV_KEY CREATE_ASYMMETRIC_PUB_KEY " +
			"CREATE_DH_PARAMETERS CREATE_DIGEST KEYRING_AWS_ROTATE_CMK KEYRING_AWS_ROTATE_KEYS KEYRING_HASHICORP_UPDATE_CONFIG KEYRING_KEY_FETCH " +
			"KEYRING_KEY_GENERATE KEYRING_KEY_LENGTH_FETCH KEYRING_KEY_REMOVE KEYRING_KEY_STORE KEYRING_KEY_TYPE_FETCH",
			"keys do not belong into a query; SHA2(x, 256) makes a hash"},
		{"AUDIT_API_MESSAGE_EMIT_UDF AUDIT_LOG_ENCRYPTION_PASSWORD_GET AUDIT_LOG_ENCRYPTION_PASSWORD_SET AUDIT_LOG_FILTER_FLUSH AUDIT_LOG_FILTER_REMOVE_FILTER " +
			"AUDIT_LOG_FILTER_REMOVE_USER AUDIT_LOG_FILTER_SET_FILTER AUDIT_LOG_FILTER_SET_USER AUDIT_LOG_READ AUDIT_LOG_READ_BOOKMARK AUDIT_LOG_ROTATE " +
			"FIREWALL_GROUP_DELIST FIREWALL_GROUP_ENLIST FLUSH_REWRITE_RULES LOAD_REWRITE_RULES MYSQL_FIREWALL_FLUSH_STATUS NORMALIZE_STATEMENT " +
			"READ_FIREWALL_GROUP_ALLOWLIST READ_FIREWALL_GROUPS READ_FIREWALL_USERS READ_FIREWALL_WHITELIST SET_FIREWALL_GROUP_MODE SET_FIREWALL_MODE", accounts},
		{"GEN_BLACKLIST GEN_BLOCKLIST GEN_DICTIONARY GEN_DICTIONARY_DROP GEN_DICTIONARY_LOAD GEN_RANGE GEN_RND_CANADA_SIN GEN_RND_EMAIL GEN_RND_IBAN " +
			"GEN_RND_PAN GEN_RND_SSN GEN_RND_UK_NIN GEN_RND_US_PHONE GEN_RND_UUID MASK_CANADA_SIN MASK_IBAN MASK_INNER MASK_OUTER MASK_PAN " +
			"MASK_PAN_RELAXED MASK_SSN MASK_UK_NIN MASK_UUID MASKING_DICTIONARIES_FLUSH MASKING_DICTIONARY_REMOVE MASKING_DICTIONARY_TERM_ADD " +
			"MASKING_DICTIONARY_TERM_REMOVE", mask},
		{"SERVICE_GET_READ_LOCKS SERVICE_GET_WRITE_LOCKS SERVICE_RELEASE_LOCKS VERSION_TOKENS_DELETE VERSION_TOKENS_EDIT VERSION_TOKENS_LOCK_EXCLUSIVE " +
			"VERSION_TOKENS_LOCK_SHARED VERSION_TOKENS_SET VERSION_TOKENS_SHOW VERSION_TOKENS_UNLOCK", "queries share nothing that they could lock"},
		{"MYSQL_QUERY_ATTRIBUTE_STRING", "write the value itself"},
		{"DISTANCE VECTOR_DISTANCE FROM_VECTOR STRING_TO_VECTOR TO_VECTOR VECTOR_DIM VECTOR_TO_STRING", "there are no vectors; a JSON array holds numbers"},
		{"ETAG", "MD5(CONCAT_WS(',', a, b)) makes a check sum of columns"},
		{"JSON_DUALITY_OBJECT", "JSON_OBJECT('name', x) makes an object"},
	}
}

// spatial lists the functions of geometry.
func spatial() string {
	st := "AREA ASBINARY ASGEOJSON ASTEXT ASWKB ASWKT BUFFER BUFFER_STRATEGY CENTROID COLLECT CONTAINS CONVEXHULL CROSSES DIFFERENCE DIMENSION DISJOINT " +
		"DISTANCE DISTANCE_SPHERE ENDPOINT ENVELOPE EQUALS EXTERIORRING FRECHETDISTANCE GEOHASH GEOMCOLLFROMTEXT GEOMCOLLFROMTXT GEOMCOLLFROMWKB " +
		"GEOMETRYCOLLECTIONFROMTEXT GEOMETRYCOLLECTIONFROMWKB GEOMETRYFROMTEXT GEOMETRYFROMWKB GEOMETRYN GEOMETRYTYPE GEOMFROMGEOJSON GEOMFROMTEXT " +
		"GEOMFROMWKB HAUSDORFFDISTANCE INTERIORRINGN INTERSECTION INTERSECTS ISCLOSED ISEMPTY ISSIMPLE ISVALID LATFROMGEOHASH LATITUDE LENGTH " +
		"LINEFROMTEXT LINEFROMWKB LINEINTERPOLATEPOINT LINEINTERPOLATEPOINTS LINESTRINGFROMTEXT LINESTRINGFROMWKB LONGFROMGEOHASH LONGITUDE " +
		"MAKEENVELOPE MLINEFROMTEXT MLINEFROMWKB MPOINTFROMTEXT MPOINTFROMWKB MPOLYFROMTEXT MPOLYFROMWKB MULTILINESTRINGFROMTEXT " +
		"MULTILINESTRINGFROMWKB MULTIPOINTFROMTEXT MULTIPOINTFROMWKB MULTIPOLYGONFROMTEXT MULTIPOLYGONFROMWKB NUMGEOMETRIES NUMINTERIORRING " +
		"NUMINTERIORRINGS NUMPOINTS OVERLAPS POINTATDISTANCE POINTFROMGEOHASH POINTFROMTEXT POINTFROMWKB POINTN POLYFROMTEXT POLYFROMWKB " +
		"POLYGONFROMTEXT POLYGONFROMWKB SIMPLIFY SRID STARTPOINT SWAPXY SYMDIFFERENCE TOUCHES TRANSFORM UNION VALIDATE WITHIN X Y"
	mbr := "CONTAINS COVEREDBY COVERS DISJOINT EQUALS INTERSECTS OVERLAPS TOUCHES WITHIN"
	var b strings.Builder
	b.WriteString("GEOMCOLLECTION GEOMETRYCOLLECTION LINESTRING MULTILINESTRING MULTIPOINT MULTIPOLYGON POINT POLYGON")
	for _, name := range strings.Fields(st) {
		b.WriteString(" ST_" + name)
	}
	for _, name := range strings.Fields(mbr) {
		b.WriteString(" MBR" + name)
	}
	return b.String()
}

// unknownFunction is the error for a name that is no function here: one of MySQL's
// is refused by its own name, of others the nearest one is shown.
func (x *exprs) unknownFunction(c *ast.Call, name string) error {
	shown := strings.ToLower(name)
	if hint, ok := Refused()[name]; ok {
		err := diag.New(diag.UnknownFunction, c.Name.At, "the function `%s` of MySQL is not supported", shown)
		if hint == "" {
			return err
		}
		return err.WithHint("%s", hint)
	}
	err := diag.New(diag.UnknownFunction, c.Name.At, "there is no function `%s`", shown)
	if hint, ok := foreign()[name]; ok {
		return err.WithHint("%s", hint)
	}
	var candidates []string
	for _, g := range Reference() {
		for _, f := range g.Functions {
			candidates = append(candidates, f.Name)
		}
	}
	slices.Sort(candidates) // of equals the first is taken
	if near := diag.Suggest(name, candidates); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err
}
