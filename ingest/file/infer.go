package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"weir/ingest/decode"
	"weir/operators/stream"
)

const (
	// sampleBytes is how much of an input is looked at for its columns at most.
	sampleBytes = 16 << 20
	sampleBlock = 1 << 20
)

// Infer guesses the columns of the file at path from its first 10,000 rows, by
// the rules of package decode, and its format. The notes are for people. The
// path is looked up in fsys, or in the file system of the process if that is nil.
func Infer(fsys fs.FS, path string) (schema stream.Schema, format string, notes []string, err error) {
	f, err := open(fsys, path)
	if err != nil {
		return nil, "", nil, err
	}
	sample, whole, err := readSample(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, "", nil, err
	}
	return infer(sample, whole, byName(path))
}

// InferReader is Infer for an input that can be read only once: rest reads all
// of it, with the sample in front. The format is guessed if it is empty.
func InferReader(in io.Reader, format string) (schema stream.Schema, guessed string, notes []string, rest io.Reader, err error) {
	sample, whole, err := readSample(in)
	if err != nil {
		return nil, "", nil, nil, err
	}
	rest = bytes.NewReader(sample)
	if !whole {
		rest = io.MultiReader(rest, in)
	}
	schema, guessed, notes, err = infer(sample, whole, format)
	return schema, guessed, notes, rest, err
}

// readSample reads blocks until they have enough lines, and tells whether that
// was all. How much it reads does not depend on how the input comes.
func readSample(in io.Reader) (sample []byte, whole bool, err error) {
	for lines := 0; lines <= decode.InferRows && len(sample) < sampleBytes; {
		at := len(sample)
		sample = append(sample, make([]byte, sampleBlock)...)
		n, err := io.ReadFull(in, sample[at:])
		sample = sample[:at+n]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return sample, true, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read input: %w", err)
		}
		lines += bytes.Count(sample[at:], []byte("\n"))
	}
	return sample, false, nil
}

func infer(sample []byte, whole bool, format string) (stream.Schema, string, []string, error) {
	if err := foreign(trimBOM(sample)); err != nil {
		return nil, "", nil, err
	}
	sample = trimBOM(sample)
	if format == "" {
		format = byContent(sample)
	}
	sep, err := comma(format)
	if err != nil {
		return nil, "", nil, err
	}
	var found decode.Inferred
	if sep == 0 {
		found, err = decode.InferJSON(sample)
	} else {
		found, err = decode.InferCSV(decode.CSVSample{Data: sample, Comma: sep, Whole: whole})
	}
	if err != nil {
		return nil, "", nil, fmt.Errorf("read as %s: %w", format, err)
	}
	schema := make(stream.Schema, len(found.Columns))
	for i, c := range found.Columns {
		schema[i] = stream.Field{Name: c.Name, Type: c.Type}
	}
	return schema, format, found.Notes, nil
}
