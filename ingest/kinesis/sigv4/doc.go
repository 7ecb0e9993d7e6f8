// Package sigv4 checks requests that are signed as AWS does it, Signature Version 4
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
//
//   - A key is an access key, which is public, and a secret.
//   - A carrier is where the signature is: the Authorization header, or the query. A
//     request has one of them.
//   - The scope of a signature is a day, a region and a service.
//
// Invariants: what decides over a request (method, path, query, host, every x-amz-*
// header, the body) is part of what is signed; signatures are compared in constant
// time; a secret is in no error.
//
// The package knows nothing of operations, and keeps no state: a request that is
// signed can be repeated within the skew, as it can at AWS.
package sigv4
