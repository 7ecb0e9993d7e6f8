package wal

func childMain(string) {}
