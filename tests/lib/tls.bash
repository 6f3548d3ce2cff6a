# shellcheck shell=bash
# A certificate authority of a test's own.
#
#   tls_make DIR     DIR/ca.pem, and under it DIR/server.pem with DIR/server.key for 127.0.0.1, localhost, s3.localhost and *.s3.localhost

tls_make() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj '/CN=test authority' -keyout "$1/ca.key" \
        -out "$1/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' -keyout "$1/server.key" -out "$1/server.csr" 2>/dev/null
    openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -set_serial 2 -days 30 -out "$1/server.pem" \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost\n') 2>/dev/null
}
