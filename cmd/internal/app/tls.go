package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// How long certificates are good for. A server's own is made anew at each start, and
// when little is left of it.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 397 * 24 * time.Hour
	leafRest      = 30 * 24 * time.Hour
)

// authority signs the certificates of a server that was given none. It lies in the
// data directory, so that clients have to be told of it once.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string // of the server

	mu   sync.Mutex
	leaf *tls.Certificate
}

// tlsConfig returns what a TLS listener needs: the certificate that is given by two
// files, or one of an authority of our own; ca is the file to trust then.
func tlsConfig(dir, certFile, keyFile string, names []string) (cfg *tls.Config, ca string, err error) {
	cfg = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if certFile != "" || keyFile != "" {
		if certFile == "" || keyFile == "" {
			return nil, "", errors.New("--tls-cert and --tls-key go together: give both, or neither for a certificate of the server's own")
		}
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, "", fmt.Errorf("read --tls-cert and --tls-key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
		return cfg, "", nil
	}
	a, ca, err := openAuthority(filepath.Join(dir, "tls"), names)
	if err != nil {
		return nil, "", fmt.Errorf("certificate authority: %w", err)
	}
	cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.certificate(time.Now()) }
	return cfg, ca, nil
}

// openAuthority loads the authority of a directory, or makes it.
func openAuthority(dir string, names []string) (*authority, string, error) {
	certPath, keyPath := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		// The key is written first, so a certificate alone has lost it.
		if _, err := os.Lstat(certPath); err == nil {
			return nil, "", fmt.Errorf("the key of %s is gone: put %s back, or move the certificate away, and another authority is made, which clients have to trust anew", certPath, keyPath)
		}
		if err := makeAuthority(dir, certPath, keyPath); err != nil {
			return nil, "", err
		}
		pair, err = tls.LoadX509KeyPair(certPath, keyPath)
	}
	if err != nil {
		return nil, "", err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, "", fmt.Errorf("%s is no key of ours", keyPath)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return nil, "", fmt.Errorf("%s ended on %s: move it away, and another one is made", certPath, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &authority{cert: pair.Leaf, key: key, names: names}, certPath, nil
}

func makeAuthority(dir, certPath, keyPath string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certificateOf("weir CA", authorityLife)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage, template.MaxPathLenZero = x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate last: without it the key is made again.
	if err := os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func certificateOf(name string, life time.Duration) *x509.Certificate {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(b[1:]), Subject: pkix.Name{CommonName: name, Organization: []string{"weir"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
	}
}

// certificate returns the server's certificate.
func (a *authority) certificate(now time.Time) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leaf != nil && now.Add(leafRest).Before(a.leaf.Leaf.NotAfter) {
		return a.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateOf("weir", leafLife)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, n := range a.names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.leaf = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.leaf, nil
}
