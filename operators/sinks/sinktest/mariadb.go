//go:build unix

package sinktest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// DB is a MariaDB server, another engine to ask what SQL means. It listens on a
// socket alone.
type DB struct {
	server *Server
	client string
	socket string
}

// MariaDB starts one that lets everybody in and has an empty database.
func MariaDB(t TB) *DB {
	t.Helper()
	daemon := binary(t, "mariadbd", "/usr/sbin/mariadbd")
	install, client := binary(t, "mariadb-install-db"), binary(t, "mariadb")
	as := unprivileged(t, "mysql")
	dir := home(t, as)
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "s")
	init := exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	init.Env = append(os.Environ(), "TMPDIR="+dir) // one that it may write to
	init.Dir, init.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	db := &DB{client: client, socket: socket, server: &Server{
		t: t, as: as, dir: dir, stop: syscall.SIGTERM,
		args: []string{
			daemon, "--no-defaults", "--datadir=" + data, "--socket=" + socket, "--skip-networking", "--skip-log-bin",
			"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--default-time-zone=+00:00",
			"--character-set-server=utf8mb4", "--collation-server=utf8mb4_nopad_bin", "--pid-file=" + filepath.Join(dir, "pid"), "--tmpdir=" + dir,
		},
	}}
	db.server.Start()
	t.Cleanup(db.server.Stop)
	db.server.await(func() bool {
		_, err := db.Run("SELECT 1")
		return err == nil
	})
	if _, err := db.Run("CREATE DATABASE IF NOT EXISTS w"); err != nil {
		t.Fatalf("%v", err)
	}
	return db
}

// Run sends statements and returns the rows of all of them: NULL is `NULL`, text
// has \t, \n, \\ and \0 escaped.
func (db *DB) Run(sql string) (rows [][]string, err error) {
	cmd := exec.Command(db.client, "--no-defaults", "--socket="+db.socket, "--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4")
	cmd.Stdin = strings.NewReader("SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin; " + sql)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("mariadb: %w: %s", err, errs.Bytes())
	}
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows, nil
}
