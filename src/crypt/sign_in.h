/* What keys and signatures in minisign's formats have in common: sign.c and sign_key.c. */
#ifndef CRYPT_SIGN_IN_H
#define CRYPT_SIGN_IN_H

#include <sodium.h>

#include "crypt/sign.h"

enum { KEY_ID = SIGN_KEY_ID, SECRET_KEY = crypto_sign_SECRETKEYBYTES };

static const char ALG[2] NONSTRING = {'E', 'd'}; /* of keys */

/* The key id is the first bytes of the author id, which is the start of the key's SHA-256. */
void sign_key_id(unsigned char id[KEY_ID], const unsigned char key[SIGN_PUBLIC_SIZE]);
/* Text and author id of a key. */
void sign_public_fill(struct sign_public *pub, const unsigned char key[SIGN_PUBLIC_SIZE]);

#endif
