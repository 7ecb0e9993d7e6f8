package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/sql/diag"
)

// configFileMax is the largest config file in bytes.
const configFileMax = 1 << 20

// addConfig lets a command's flags be set by the environment and by a YAML file
// too. A flag on the command line counts most, then WEIR_<NAME>, then the file
// that --config (or WEIR_CONFIG) names, then the default.
func addConfig(cmd *cobra.Command) {
	var path string
	cmd.Flags().StringVar(&path, "config", "", "YAML `file` of flags, such as listen: 127.0.0.1:9000; flags and WEIR_* come first")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := setFromEnvironment(cmd.Flags(), os.LookupEnv); err != nil {
			return err
		}
		if path == "" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read --config: %w", err)
		}
		if len(text) > configFileMax {
			return fmt.Errorf("--config %s has more than %d bytes", path, configFileMax)
		}
		if err := setFromYAML(cmd.Flags(), text); err != nil {
			return fmt.Errorf("--config %s: %w", path, err)
		}
		return nil
	}
}

// variable is the name of a flag in the environment.
func variable(flag string) string {
	return "WEIR_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setFromEnvironment sets the flags that the command line does not.
func setFromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := lookup(variable(f.Name))
		if f.Changed || !ok || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", variable(f.Name), value, reason(err)))
		}
	})
	return errors.Join(errs...)
}

// reason is what a flag's value is wrong for, without the flag's name.
func reason(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// setFromYAML sets the flags that nothing else has. The file is one mapping from
// names of flags to scalars, or to lists of them for flags that may be repeated.
// Errors show the line with a caret under what is wrong.
func setFromYAML(flags *pflag.FlagSet, text []byte) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return errors.New(yaml.FormatError(err, false, true))
	}
	if len(file.Docs) > 1 {
		return errors.New("it holds more than one document")
	}
	var entries []*ast.MappingValueNode
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.NullNode:
		case *ast.MappingNode:
			entries = body.Values
		default:
			return at(body.GetToken(), "the file has to be a list of `flag: value`")
		}
	}
	before := map[string]bool{} // set by the command line or the environment
	flags.Visit(func(f *pflag.Flag) { before[f.Name] = true })
	for _, e := range entries {
		if err := setEntry(flags, e, before); err != nil {
			return err
		}
	}
	return nil
}

func setEntry(flags *pflag.FlagSet, e *ast.MappingValueNode, before map[string]bool) error {
	key := e.Key.GetToken()
	f := flags.Lookup(key.Value)
	if f == nil || f.Name == "config" || f.Name == "help" {
		return at(key, "unknown key `"+key.Value+"`"+suggestFlag(flags, key.Value))
	}
	values, err := scalars(e.Value)
	if err != nil {
		return err
	}
	if _, many := f.Value.(pflag.SliceValue); !many && len(values) != 1 {
		return at(e.Value.GetToken(), "`"+key.Value+"` takes one value")
	}
	if before[f.Name] {
		return nil
	}
	for _, v := range values {
		if err := flags.Set(f.Name, v.Value); err != nil {
			return at(v, "`"+key.Value+"`: "+reason(err).Error())
		}
	}
	return nil
}

// scalars returns the token of a scalar, or those of a list of scalars.
func scalars(n ast.Node) ([]*yamltoken.Token, error) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		var all []*yamltoken.Token
		for _, v := range n.Values {
			if _, ok := v.(ast.ScalarNode); !ok {
				return nil, at(v.GetToken(), "a list holds plain values")
			}
			all = append(all, v.GetToken())
		}
		return all, nil
	case *ast.NullNode:
		return nil, at(n.GetToken(), "a value is missing")
	case ast.ScalarNode:
		return []*yamltoken.Token{n.GetToken()}, nil
	}
	return nil, at(n.GetToken(), "this takes a plain value")
}

func suggestFlag(flags *pflag.FlagSet, name string) string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	if near := diag.Suggest(strings.ReplaceAll(name, "_", "-"), names); near != "" {
		return "; did you mean `" + near + "`?"
	}
	return "; there are: " + strings.Join(names, ", ")
}

// at is an error at a token, with the line that it stands in.
func at(t *yamltoken.Token, message string) error {
	return errors.New(yaml.FormatError(&yaml.SyntaxError{Message: message, Token: t}, false, true))
}
