# shellcheck shell=bash
# Keys and certificates of a federation on one machine. Made once; a key that is there stays.
#
#   keys/NAME.pem       ES256 key of the hub and of each realm: signs its tokens
#   keys/NAME.pub.pem   the public half
#   keys/ca.crt         the private CA; keys/NAME.crt and NAME.key, what a program shows on gRPC connections

private_key() { # file
    [[ -s $1 ]] && return
    (umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.new" 2>/dev/null)
    mv "$1.new" "$1"
}

signing_key() { # name
    private_key "$DATA/keys/$1.pem"
    [[ -s $DATA/keys/$1.pub.pem ]] || openssl pkey -in "$DATA/keys/$1.pem" -pubout -out "$DATA/keys/$1.pub.pem"
}

authority() {
    private_key "$DATA/keys/ca.key"
    [[ -s $DATA/keys/ca.crt ]] && return
    openssl req -x509 -new -key "$DATA/keys/ca.key" -sha256 -days 825 -subj '/CN=PEK development CA' \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
        -out "$DATA/keys/ca.crt"
}

# A program proves by it who it is: a worker by its realm's name, so that no realm can pose as another.
certificate() { # name usage subject-alternative-names
    private_key "$DATA/keys/$1.key"
    [[ -s $DATA/keys/$1.crt ]] && return
    openssl req -new -key "$DATA/keys/$1.key" -subj "/CN=$1" -out "$DATA/keys/$1.csr"
    openssl x509 -req -in "$DATA/keys/$1.csr" -CA "$DATA/keys/ca.crt" -CAkey "$DATA/keys/ca.key" \
        -set_serial "0x$(openssl rand -hex 16)" -sha256 -days 825 -out "$DATA/keys/$1.crt" -extfile - \
        2>/dev/null <<EXTENSIONS
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = $2
subjectAltName = $3
EXTENSIONS
    rm -f "$DATA/keys/$1.csr"
}

make_keys() { # realm…
    local realm
    signing_key pek-hub
    authority
    certificate pek-hub clientAuth DNS:pek-hub
    for realm in "$@"; do
        signing_key "$realm"
        [[ $realm == hub ]] || certificate "$realm" serverAuth "DNS:$realm"
    done
}
