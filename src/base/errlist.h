/*
 * Every error keymuster can end with: X(name, code, exit status, retryable, text).
 * The code is printed as KMnnnn and is stable: first digit 1 usage, 2 store, 3 KMS, 4 copies, 5
 * runs, 6 policy, 7 delivery, 8 VBR, 9 the program itself. The exit status is one of the table in
 * docs/reference/exit-codes.md. A code is never given a second meaning; new ones are appended to
 * their group.
 */
#ifndef BASE_ERRLIST_H
#define BASE_ERRLIST_H

#define ERR_LIST(X)                                                                                \
    X(RC_USAGE, 1001, 2, 0, "the command line is wrong")                                           \
    X(RC_CONFIG, 1002, 2, 0, "the configuration is wrong")                                         \
    X(RC_BAD_NAME, 1003, 2, 0, "a name is not allowed")                                            \
    X(RC_BAD_VALUE, 1004, 2, 0, "a value is malformed")                                            \
    X(RC_SECRET_LITERAL, 1005, 2, 0, "a secret was given literally")                               \
    X(RC_NO_CONFIRM, 1006, 2, 0, "a confirmation is missing")                                      \
    X(RC_CREDENTIAL, 1007, 2, 0, "a credential reference cannot be read")                          \
    X(RC_CREDENTIAL_OPEN, 1008, 2, 0, "a secret file can be read by others")                       \
    X(RC_AMBIGUOUS, 1009, 2, 0, "a name stands for more than one object")                          \
    X(RC_NO_STORE, 2001, 10, 0, "no store here")                                                   \
    X(RC_STORE_BUSY, 2002, 11, 1, "the store is in use")                                           \
    X(RC_STORE_EXISTS, 2003, 6, 0, "a store is there already")                                     \
    X(RC_STORE_FOREIGN, 2004, 10, 0, "the database is not keymuster's")                            \
    X(RC_STORE_NEWER, 2005, 2, 0, "the store was written by a newer keymuster")                    \
    X(RC_STORE_NETFS, 2006, 2, 0, "the store is on a network file system")                         \
    X(RC_STORE_OWNER, 2007, 2, 0, "the store belongs to another user")                             \
    X(RC_IO, 2008, 1, 0, "reading or writing failed")                                              \
    X(RC_DISK_FULL, 2009, 5, 1, "no space left")                                                   \
    X(RC_STORE_CORRUPT, 2010, 15, 0, "the store does not verify")                                  \
    X(RC_NOT_FOUND, 2011, 13, 0, "no such object")                                                 \
    X(RC_EXISTS, 2012, 6, 0, "it exists with other content")                                       \
    X(RC_UNKNOWN_OUTCOME, 2013, 19, 0, "it is not known whether the entry was stored")             \
    X(RC_CHAIN, 2014, 15, 0, "a log does not verify")                                              \
    X(RC_READ_ONLY, 2015, 1, 0, "the place cannot be written")                                     \
    X(RC_STORE_OLD, 2016, 16, 0, "the store is older than what it has published")                  \
    X(RC_MALFORMED, 2017, 15, 0, "stored data is malformed")                                       \
    X(RC_STORE_OPEN, 2018, 2, 0, "others can write to the store")                                  \
    X(RC_KMS_PASSPHRASE, 3001, 12, 0, "wrong passphrase")                                          \
    X(RC_KMS_NO_CREDENTIAL, 3002, 4, 0, "no credential is bound to the KMS")                       \
    X(RC_KMS_REFUSED, 3003, 4, 0, "the KMS refused the credential")                                \
    X(RC_KMS_UNREACHABLE, 3004, 5, 1, "the KMS cannot be reached")                                 \
    X(RC_ROOT_DISABLED, 3005, 14, 0, "the root key is disabled")                                   \
    X(RC_ROOT_EXPIRED, 3006, 14, 0, "the root key is expired")                                     \
    X(RC_ROOT_DESTROYED, 3007, 14, 0, "the root key is destroyed")                                 \
    X(RC_ROOT_PURGED, 3008, 14, 0, "the root key is gone for good")                                \
    X(RC_CIPHERTEXT, 3009, 15, 0, "the wrap does not open under this root key")                    \
    X(RC_KMS_TOO_EARLY, 3010, 5, 1, "the KMS wants a pause first")                                 \
    X(RC_KMS_INTEGRITY, 3011, 15, 0, "the KMS file does not verify")                               \
    X(RC_CHECK_MISMATCH, 3012, 15, 0, "the value fails its check")                                 \
    X(RC_KMS_NO_ROOT, 3013, 13, 0, "the KMS has no such root key")                                 \
    X(RC_ENDPOINT_DIFFERS, 3014, 15, 0, "the endpoint differs from the bound one")                 \
    X(RC_ROOT_STATE, 3015, 14, 0, "the root key is not in a state for this")                       \
    X(RC_KMS_MISSING, 3016, 13, 0, "the KMS file is not there")                                    \
    X(RC_KMS_REPLY, 3017, 15, 0, "the KMS answered something else than asked")                     \
    X(RC_KMS_CERTIFICATE, 3018, 4, 0, "the KMS or IAM does not prove who it is")                   \
    X(RC_ENDPOINT_UNKNOWN, 3019, 15, 0, "no credential may go to this endpoint")                   \
    X(RC_IAM_REFUSED, 3020, 4, 0, "IAM refused the API key")                                       \
    X(RC_IAM_UNREACHABLE, 3021, 5, 1, "IAM cannot be reached")                                     \
    X(RC_KMS_BUSY, 3022, 5, 1, "the KMS is busy")                                                  \
    X(RC_KMS_FORBIDDEN, 3023, 4, 0, "a rule of the KMS forbids it")                                \
    X(RC_ROOT_UNSEEN, 3024, 14, 0, "the KMS does not find the root key")                           \
    X(RC_ROOT_FAULT, 3025, 14, 0, "the KMS itself cannot use the root key")                        \
    X(RC_KMS_REJECTED, 3026, 1, 0, "the KMS finds the request wrong")                              \
    X(RC_KMS_NO_MASTER, 3027, 14, 0, "the KMS has no master key")                                  \
    X(RC_COPY_UNREACHABLE, 4001, 5, 1, "the copy cannot be reached")                               \
    X(RC_COPY_FOREIGN, 4002, 15, 0, "the copy belongs to another escrow")                          \
    X(RC_COPY_ROLLED_BACK, 4003, 16, 0, "the copy is rolled back")                                 \
    X(RC_COPY_FORKED, 4004, 16, 0, "the copy shows another history")                               \
    X(RC_COPY_GAP, 4005, 15, 0, "the copy has a gap")                                              \
    X(RC_COPY_TAMPERED, 4006, 15, 0, "an object of the copy was altered")                          \
    X(RC_COPY_SIGNATURE, 4007, 15, 0, "a signature does not verify")                               \
    X(RC_COPY_NONE, 4008, 13, 0, "no copy here")                                                   \
    X(RC_COPY_READ_ONLY, 4009, 5, 0, "the copy cannot be written")                                 \
    X(RC_SIGNED_AS_ME, 4010, 16, 0, "somebody signed as this author")                              \
    X(RC_SPLIT_VIEW, 4011, 16, 0, "two authors do not agree about a third")                        \
    X(RC_COPY_FULL, 4012, 5, 1, "the copy has no space left")                                      \
    X(RC_CARD_FLOOR, 4013, 16, 0, "the copy is older than the card")                               \
    X(RC_COPY_NOT_BOUND, 4014, 13, 0, "the copy is not bound here")                                \
    X(RC_NOT_ANCHORED, 4015, 15, 0, "the identity was not confirmed")                              \
    X(RC_CREATE_ONCE, 4016, 16, 0, "an object exists with other bytes")                            \
    X(RC_COPY_STALE, 4017, 3, 0, "the copy lacks what is known here")                              \
    X(RC_COPY_DENIED, 4018, 4, 0, "the copy's server refuses")                                     \
    X(RC_COPY_UNTRUSTED, 4019, 4, 0, "the copy's server is not trusted")                           \
    X(RC_COPY_HOST_KEY, 4020, 15, 0, "the copy's server has another key")                          \
    X(RC_COPY_NO_CREDENTIAL, 4021, 4, 0, "no credential for the copy")                             \
    X(RC_COPY_CLOCK, 4022, 4, 0, "the clocks here and at the copy's server differ too much")       \
    X(RC_COPY_NO_BUCKET, 4023, 13, 0, "the copy's bucket is not there")                            \
    X(RC_COPY_REPLY, 4030, 5, 0, "something else than the copy's server answers")                  \
    X(RC_COPY_PROXY, 4031, 4, 0, "the proxy on the way to the copy refuses")                       \
    X(RC_COPY_LIMIT, 4032, 5, 0, "an object is over the limit of the copy's server")               \
    X(RC_RUNBOOK, 5001, 2, 0, "the runbook cannot be followed")                                     \
    X(RC_RUN_PAUSED, 5002, 20, 0, "the run is paused")                                              \
    X(RC_RUN_FAILED, 5003, 21, 0, "the run stopped at a step that failed")                          \
    X(RC_RUN_OVER, 5004, 2, 0, "the run has ended")                                                 \
    X(RC_POLICY, 6001, 17, 0, "policy says no")                                                    \
    X(RC_PURPOSE_SITE, 6002, 17, 0, "the wrap would not outlive the site it protects")             \
    X(RC_NOT_RELEASED, 6003, 17, 0, "no copy has acknowledged the key yet")                        \
    X(RC_NO_REASON, 6004, 17, 0, "a reason is missing")                                            \
    X(RC_NO_TERMINAL, 7001, 18, 0, "no terminal and no destination")                               \
    X(RC_TO_TERMINAL, 7002, 18, 0, "the secret would land on a terminal")                          \
    X(RC_FILE_EXISTS, 7003, 18, 0, "the destination exists")                                       \
    X(RC_NO_RECORD, 7004, 18, 0, "no record of the showing can be made")                           \
    X(RC_NO_LOCK, 7005, 18, 0, "memory cannot be locked")                                          \
    X(RC_NOT_DELIVERED, 7006, 18, 0, "the secret cannot be delivered there")                       \
    X(RC_OUTPUT_FAILED, 7007, 3, 0, "recorded, but the output failed")                             \
    X(RC_EXEC_FAILED, 7008, 125, 0, "the command could not be run")                                \
    X(RC_TEMPLATE, 7009, 2, 0, "the template cannot be used")                                      \
    X(RC_VBR_UNREACHABLE, 8001, 5, 1, "the backup server is away")                                \
    X(RC_VBR_CERTIFICATE, 8002, 4, 0, "the backup server does not prove who it is")                \
    X(RC_VBR_PIN, 8003, 15, 0, "the backup server has another public key")                         \
    X(RC_VBR_REFUSED, 8004, 4, 0, "the backup server refused the login")                           \
    X(RC_VBR_FORBIDDEN, 8005, 4, 0, "the backup server's account may not do this")                 \
    X(RC_VBR_REPLY, 8006, 15, 0, "the backup server answered something else than asked")           \
    X(RC_VBR_OLD, 8007, 1, 0, "the backup server is too old for this")                             \
    X(RC_VBR_REJECTED, 8008, 1, 0, "the backup server finds the request wrong")                    \
    X(RC_VBR_GONE, 8009, 13, 0, "the backup server has no such object")                            \
    X(RC_VBR_NO_CREDENTIAL, 8010, 4, 0, "no credential is bound to the backup server")             \
    X(RC_VBR_HINT, 8011, 1, 0, "the backup server cut the hint")                                   \
    X(RC_VBR_DIFFERS, 8012, 6, 0, "the backup server holds another password")                      \
    X(RC_VBR_JOB, 8013, 1, 0, "the configuration backup did not end well")                         \
    X(RC_INTERNAL, 9001, 70, 0, "internal error")                                                  \
    X(RC_NO_MEMORY, 9002, 5, 1, "out of memory")                                                   \
    X(RC_INTERRUPTED, 9003, 130, 1, "interrupted")

#endif
