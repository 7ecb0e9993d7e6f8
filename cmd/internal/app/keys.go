package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// keysCommand is `weir keys`: who may sign requests of Kinesis clients.
func keysCommand(io Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Add, list and remove access keys for Kinesis clients",
		Long: `Access keys are what clients of Kinesis sign their requests with. A server on a
loopback address without any key lets everybody in; with the first one, only who
has a key. A running server sees a change within a second. A key may have a
name, such as that of its owner; a name may have several keys.`,
		Example: `  weir keys add ann
  weir keys list
  weir keys remove ann`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var data, file string
	f := cmd.PersistentFlags()
	f.StringVar(&data, "data", "./weir-data", "`directory` of the server")
	f.StringVar(&file, "kinesis-keys", "", "`file` of keys (default: "+keyFileName+" in --data)")
	path := func() string { return keyPath(data, file) }
	cmd.AddCommand(&cobra.Command{
		Use: "add [NAME]", Short: "Make a key and print it with its secret", Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error { return addKey(io, path(), append(args, "")[0]) },
	}, &cobra.Command{
		Use: "list", Short: "List the keys, without their secrets", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return listKeys(io, path()) },
	}, &cobra.Command{
		Use: "remove KEY|NAME", Short: "Remove a key, or all keys of a name", Args: theKey,
		RunE: func(_ *cobra.Command, args []string) error { return removeKey(io, path(), args[0]) },
	})
	return cmd
}

// oneName wants at most the name of a key.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return errors.New("a key has one name; weir keys add once for each key")
}

// theKey wants the key to remove.
func theKey(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return errors.New("say which: weir keys remove KEY, or weir keys remove NAME for all keys of a name; weir keys list shows them")
}

func keyPath(data, file string) string {
	if file != "" {
		return file
	}
	return filepath.Join(data, keyFileName)
}

func addKey(io Streams, path, name string) error {
	if !keyName.MatchString(name) {
		return fmt.Errorf("%q is no name: up to 64 letters, digits and . _ - @", name)
	}
	keys, _, err := readKeys(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	k := newAccessKey(name)
	if err := writeKeys(path, append(keys, k)); err != nil {
		return err
	}
	if len(keys) == 0 {
		fmt.Fprintf(io.Err, "this is the first key in %s: from now on only requests that are signed with a key come in\n", path)
	}
	_, err = fmt.Fprintf(io.Out, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", k.id, k.secret)
	return err
}

func listKeys(io Streams, path string) error {
	keys, _, err := readKeys(path)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		fmt.Fprintf(io.Err, "there are no keys in %s; weir keys add NAME makes one\n", path)
		return nil
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tNAME")
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\n", k.id, k.name)
	}
	return w.Flush()
}

func removeKey(io Streams, path, which string) error {
	keys, _, err := readKeys(path)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(keys), func(k accessKey) bool { return k.id == which || k.name == which })
	switch n := len(keys) - len(left); {
	case which == "" || n == 0:
		return fmt.Errorf("there is no key and no name %q in %s; weir keys list shows what there is", which, path)
	case n > 1:
		fmt.Fprintf(io.Err, "%d keys are removed\n", n)
	}
	if err := writeKeys(path, left); err != nil {
		return err
	}
	if len(left) == 0 {
		fmt.Fprintf(io.Err, "this was the last key in %s: a server on a loopback address lets everybody in again\n", path)
	}
	return nil
}
