/*
 * What `explain` says of each code of errlist.h: X(name, what it means, what causes it, what to
 * do); causes and ways out one a line. A code without a row is a warning where err.c walks this
 * list. docs/reference/errors.md is made from what explain prints; a test compares.
 */
#ifndef BASE_ERRHELP_H
#define BASE_ERRHELP_H

/* The exit statuses, as docs/reference/exit-codes.md has them. */
#define ERR_EXIT_LIST(X)                                                                           \
    X(0, "done")                                                                                   \
    X(1, "failed, nothing more specific")                                                          \
    X(2, "command line or configuration wrong, nothing touched")                                   \
    X(3, "finished, but partly, or with findings")                                                 \
    X(4, "identity: refused, no right, unknown instance, untrusted certificate")                   \
    X(5, "temporary: network, busy service, quota, disk full")                                     \
    X(6, "exists with other content")                                                              \
    X(10, "no store here")                                                                         \
    X(11, "store busy (who, since when)")                                                          \
    X(12, "wrong passphrase")                                                                      \
    X(13, "no such key, root, site, copy, run, entry")                                             \
    X(14, "root key cannot do it (disabled, expired, destroyed, purged)")                          \
    X(15, "integrity: does not verify, changed host key or pin; treat as hostile")                 \
    X(16, "copy rolled back, forked, frozen")                                                      \
    X(17, "policy says no")                                                                        \
    X(18, "delivery refused: would land where not asked, no record possible, memory not lockable") \
    X(19, "outcome unknown: the error names the entry's hash; `audit log --entry HASH` answers "   \
          "0 or 13")                                                                               \
    X(20, "run paused; `recover resume` goes on")                                                  \
    X(21, "run stopped at a failed step; `recover resume` tries it again")                         \
    X(70, "internal error")                                                                        \
    X(125, "`exec`: keymuster failed before the command ran; otherwise the command's own status, " \
           "128+n on a signal")                                                                    \
    X(130, "interrupted by Ctrl-C; 128+n by signal n")                                             \
    X(143, "interrupted by SIGTERM")

/* clang-format off */
#define ERR_HELP_LIST(X) \
    /* ---- 1: command line and configuration ---- */ \
    X(RC_USAGE, \
      "keymuster does not know this command, option or combination. Nothing was touched.", \
      "a word is mistyped; long options are exact, there are no abbreviations\n" \
      "an argument or option that the command needs is missing, or is given twice", \
      "the message names the nearest word; the whole page: keymuster help COMMAND") \
    X(RC_CONFIG, \
      "keymuster.conf, or a variable of the environment, holds something that cannot be used. Nothing was touched.", \
      "keymuster.conf was edited by hand: the message names line and column\n" \
      "a binding is of a newer keymuster\n" \
      "one of KEYMUSTER_OUTPUT, _COLOR, _PROGRESS, _TIMEOUT has a value that does not exist", \
      "mend the line, or have it written: keymuster kms set, keymuster copy set") \
    X(RC_BAD_NAME, \
      "A name that is to be given does not follow the rules for names.", \
      "sites, KMSs, root keys, copies, persons: 1 to 64 of a-z 0-9 . _ -\n" \
      "a key: 1 to 128 characters, no control or bidirectional ones, no \" | \", no \"@\" and digits at the end\n" \
      "the name looks like a UUID", \
      "choose another name; a key that exists under a bad name elsewhere can be named by its UUID") \
    X(RC_BAD_VALUE, \
      "A value that was given or read is not of the form it must have.", \
      "a date or a duration that is none: YYYY-MM-DD, RFC 3339; 90d, 12h\n" \
      "a password with control characters, a byte order mark, or in another character set than UTF-8\n" \
      "a wrap or description that was cut when it was copied", \
      "compare the value with the message and give it again\n" \
      "a password file of another character set: iconv -f WINDOWS-1252 -t UTF-8") \
    X(RC_SECRET_LITERAL, \
      "A secret was written where a reference to it belongs. Command lines and configuration files are read by others " \
      "(ps, shell history, backups), so none is taken there. It is not repeated in the message.", \
      "--credential, --secret or --wrapped got the value instead of the place where it is\n" \
      "keymuster.conf holds a value where file:, env:, command:, credential: or prompt belongs", \
      "give a reference: file:PATH, fd:N, env:NAME, command:ARGV, credential:NAME, prompt, or - for standard input\n" \
      "consider the value as seen: it may stand in the shell's history") \
    X(RC_NO_CONFIRM, \
      "The command asks before it changes something, and nobody said yes. Nothing was done.", \
      "there is no terminal, or --no-input was given\n" \
      "the answer, or the word typed, was another one; Enter alone is never a yes", \
      "in a script: --yes; for what destroys: --confirm NAME, with the name of the object\n" \
      "--dry-run shows what would be done") \
    X(RC_CREDENTIAL, \
      "A reference to a secret does not lead to one.", \
      "the file is not there or cannot be read, the variable is not set, the descriptor is not open\n" \
      "a command: failed, or standard input was used twice\n" \
      "a systemd credential was not passed to this service", \
      "mend what the message names, or give another reference: keymuster kms set NAME --credential REF") \
    X(RC_CREDENTIAL_OPEN, \
      "The file with the secret can be read by other users, or belongs to one, so it is not used.", \
      "it was made with the usual umask, or copied from a medium without permissions", \
      "chmod 600 FILE; chown it to the user that runs keymuster\n" \
      "if others were on this machine meanwhile, replace the secret") \
    X(RC_AMBIGUOUS, \
      "More than one object has this name, and keymuster does not guess.", \
      "two sites made the same name or generation while they could not see each other\n" \
      "the first digits of an id fit more than one", \
      "use the UUID that the message lists; keymuster list --fields name,generation,uuid shows all\n" \
      "give enough digits of the id") \
    /* ---- 2: store ---- */ \
    X(RC_NO_STORE, \
      "There is no store where keymuster looked: -C DIR, else KEYMUSTER_STORE, else the default place.", \
      "the command runs as another user, or without -C\n" \
      "this machine has no store yet", \
      "say where it is: -C DIR\n" \
      "make one: keymuster init --site SITE (first site), keymuster join --from COPY --site SITE (every other)\n" \
      "a recovery needs none: reveal and exec take --from COPY") \
    X(RC_STORE_BUSY, \
      "Another process writes to the store; this one waited ten seconds.", \
      "a timer, a second session, a large import or rewrap\n" \
      "a process that hangs: the message names it and since when", \
      "try again when it has ended; reading commands need not wait\n" \
      "the lock goes away with its process; nothing has to be removed by hand") \
    X(RC_STORE_EXISTS, \
      "A store, or something else, is where a new store was to be made. It was not touched.", \
      "init or join was done before\n" \
      "the folder is not empty", \
      "look at what is there: keymuster -C DIR status; or choose another folder: -C DIR") \
    X(RC_STORE_FOREIGN, \
      "The file is no database, or one of another program. It was not touched.", \
      "-C names the wrong folder\n" \
      "the file was cut or overwritten", \
      "name the right folder; if it was the store: bring it back from a backup, or join again from a copy") \
    X(RC_STORE_NEWER, \
      "A newer keymuster has written this store; this one does not know its tables. It was not touched.", \
      "an older program was installed, or is first in PATH", \
      "use the newer program") \
    X(RC_STORE_NETFS, \
      "The store lies on a network file system. Locks and syncs are not reliable there, and a database can be lost.", \
      "the home folder is on NFS, CIFS or the like", \
      "keep the store on a local disk and make the share a copy: keymuster copy add NAME file:///SHARE --site SITE") \
    X(RC_STORE_OWNER, \
      "The store belongs to another user; files written as this one would lock the owner out.", \
      "sudo, or a service and a person that share one store", \
      "run it as that user: sudo -u USER keymuster ...") \
    X(RC_IO, \
      "The system failed to read or write something; its own reason stands in the message.", \
      "a permission, a disk with errors, a descriptor that was closed, a limit of the system", \
      "mend the cause and run it again; what had been reported as stored is stored: keymuster verify") \
    X(RC_DISK_FULL, \
      "There is no space left, or a quota is used up. Nothing is half stored.", \
      "the disk of the store, of TMPDIR or of the output is full", \
      "make room and run the same command again") \
    X(RC_STORE_CORRUPT, \
      "The store contradicts itself: the database is damaged, or something in it is not what the log says.", \
      "a disk or memory fault, or a change by another program: a table or trigger altered, a file put beside the database\n" \
      "author.key is not the key of this store\n" \
      "two entries give one key two different check values", \
      "stop using it and keep it as it is; look: keymuster verify\n" \
      "the log is what counts, and the copies and other sites have it: keymuster join --from COPY --site SITE in a new folder") \
    X(RC_NOT_FOUND, \
      "No object of this name or id is known here.", \
      "it is mistyped: the message names the nearest one\n" \
      "it was made at another site and has not arrived yet", \
      "look: keymuster list, root list, site list, kms list, copy list\n" \
      "fetch what other sites wrote: keymuster sync") \
    X(RC_EXISTS, \
      "Something of this name is there already, with other content. Nothing was changed.", \
      "the name was given before, here or at another site\n" \
      "a key of this name has another value", \
      "look at it: keymuster show KEY; choose another name\n" \
      "a new value under the same name: keymuster rekey KEY, or record --new-generation") \
    X(RC_UNKNOWN_OUTCOME, \
      "The write may be stored or not: the disk failed in the middle, and the store could not be read again to find out.", \
      "a disk that disappeared or failed while it was written to", \
      "do not repeat it blindly; when the disk is back: keymuster audit log --entry HASH answers 0 (stored) or 13 (not stored)") \
    X(RC_CHAIN, \
      "A log does not verify: an entry was altered, is missing, or does not follow the one before it.", \
      "somebody changed it, or a disk or memory fault did\n" \
      "its author is hostile, or two programs wrote with one author's key", \
      "use nothing from there; the message names author and entry\n" \
      "other copies and sites have the true one: keymuster copy check --deep, keymuster join --from COPY") \
    X(RC_READ_ONLY, \
      "The place cannot be written, so nothing could be recorded.", \
      "a medium that is mounted read-only, or a folder without permission to write", \
      "reading commands work there; to write, mount it writable or copy the store to a local disk") \
    X(RC_STORE_OLD, \
      "The store is older than what it has published itself. If it went on writing, two histories would carry one signature.", \
      "the store was brought back from a backup or a snapshot\n" \
      "it is a clone of a store that has gone on", \
      "restored: keymuster sync pulls back what was published, then all goes on\n" \
      "a clone: do not write with it; make it a store of its own: keymuster join --from COPY in a new folder") \
    X(RC_MALFORMED, \
      "Something that was stored cannot be read: it is not what keymuster writes.", \
      "a file was cut, edited or replaced by something else\n" \
      "it comes from another program", \
      "bring it back from a backup or fetch it again; if nobody edited it, treat it as tampered with") \
    X(RC_STORE_OPEN, \
      "Other users can write to the store or to a file in it, so what it says could be theirs. It was not used.", \
      "it was put back or copied without its permissions; a folder was shared with a group", \
      "chmod go-w DIR DIR/*; then look at it: keymuster verify") \
    /* ---- 3: KMS ---- */ \
    X(RC_KMS_PASSPHRASE, \
      "The passphrase does not open the KMS file. The file itself is sound.", \
      "another KMS's passphrase, a typing error, a keyboard layout\n" \
      "a file with more than the passphrase in it: only one line feed at its end is removed", \
      "try it alone: keymuster kms test NAME --credential prompt\n" \
      "where it is kept: keymuster kms show NAME") \
    X(RC_KMS_NO_CREDENTIAL, \
      "The KMS is known, but nothing here says with which credential to use it.", \
      "the KMS was added at another site; credentials never travel", \
      "for good: keymuster kms set NAME --credential REF; once: --credential NAME=REF\n" \
      "where it is kept: keymuster kms show NAME") \
    X(RC_KMS_REFUSED, \
      "The KMS does not accept the credential, or it lacks the right for this.", \
      "the credential was revoked or replaced, or belongs to another account\n" \
      "it may list keys, but not use them", \
      "try it: keymuster kms test NAME; then give another: keymuster kms set NAME --credential REF\n" \
      "when it stays so for a day: was the instance deleted? It can be taken back for some days: ibmcloud resource reclamations") \
    X(RC_KMS_UNREACHABLE, \
      "The KMS did not answer. Whether its root keys still exist is unknown; this is not a sign that they are gone.", \
      "network, name service, firewall, an outage, a wrong endpoint", \
      "run the same command again later\n" \
      "a key with a wrap under another KMS can be had now: reveal KEY --root OTHER-ROOT\n" \
      "when it stays so for a day: was the instance deleted? It can be taken back for some days: ibmcloud resource reclamations") \
    X(RC_ROOT_DISABLED, \
      "The root key is disabled: it neither wraps nor unwraps until it is enabled again.", \
      "somebody disabled it, on purpose or by a policy of the account", \
      "keymuster root enable NAME, if that is right\n" \
      "meanwhile another wrap of the key may do: keymuster wrap list KEY") \
    X(RC_ROOT_EXPIRED, \
      "The root key has passed its expiration date: it still unwraps, but does not wrap any more.", \
      "a date that was set when it was made or imported", \
      "move its keys: keymuster rehome --all --from ROOT --to OTHER-ROOT") \
    X(RC_ROOT_DESTROYED, \
      "The root key is destroyed and can be restored only for some days; the message says until when.", \
      "somebody deleted it in the KMS", \
      "at once: keymuster root restore NAME\n" \
      "which keys hang on it: keymuster root retire-check NAME; move them: keymuster rehome --all --from ROOT --to OTHER-ROOT") \
    X(RC_ROOT_PURGED, \
      "The root key is gone for good. No wrap under it can ever be opened again.", \
      "it was destroyed and the time for restoring it has passed", \
      "use another wrap of the key: keymuster wrap list KEY\n" \
      "a key without any other wrap is lost here; ask who has seen or printed the password") \
    X(RC_CIPHERTEXT, \
      "The KMS does not open this wrap: it was not made under this root key, not with these AAD strings, or was altered.", \
      "the wrong root key or KMS was named\n" \
      "an AAD string is missing, or their order differs\n" \
      "the text was cut or changed when it was copied", \
      "compare root key, AAD and text with the source (keymuster show KEY --wraps); try another wrap: --root ROOT") \
    X(RC_KMS_TOO_EARLY, \
      "The KMS refuses for the moment: it wants a pause between two such operations.", \
      "two rotations, or restoring right after destroying", \
      "run it again after the time that the message names") \
    X(RC_KMS_INTEGRITY, \
      "The passphrase is right, but the rest of the KMS file does not verify: it was damaged or altered.", \
      "a disk fault, an editor, a file that was copied while it was written", \
      "bring back a copy of the file; an older one lacks the root keys and versions made since") \
    X(RC_CHECK_MISMATCH, \
      "A wrap was opened, and the value is not the one that was escrowed. It is not given out, and nothing overrides this.", \
      "the wrap in the record is that of another key: mixed up, or swapped on purpose\n" \
      "a KMS that answers wrongly", \
      "try another wrap: reveal KEY --root ROOT\n" \
      "find out who recorded it: keymuster show KEY --wraps --history") \
    X(RC_KMS_NO_ROOT, \
      "The KMS answers, and has no root key of this id or alias.", \
      "another instance, region or file than the one meant\n" \
      "an older copy of the KMS file\n" \
      "the root key was purged", \
      "compare: keymuster root list, keymuster kms show NAME; then bind the right one: keymuster kms set NAME") \
    X(RC_ENDPOINT_DIFFERS, \
      "The log names another endpoint for this KMS than this machine was told. No credential is sent there.", \
      "the KMS has moved, and another site wrote it down\n" \
      "somebody wants to have the credential", \
      "ask whether it has moved; if so: keymuster kms set NAME --endpoint URL") \
    X(RC_ROOT_STATE, \
      "The root key is in a state in which this cannot be done with it.", \
      "enabling what is not disabled, restoring what is not destroyed, wrapping under one that is not active", \
      "look: keymuster root check") \
    X(RC_KMS_MISSING, \
      "The file of the local KMS is not there. Only kms add makes one; nothing else ever does.", \
      "the disk is not mounted, the file was moved, this machine never had it", \
      "say where it is: keymuster kms set NAME --file PATH, or once --kms-file NAME=PATH\n" \
      "if it is lost, bring back a copy: a new file cannot open the old wraps") \
    X(RC_KMS_REPLY, \
      "The KMS answered, but with something else than was asked for. Nothing was recorded.", \
      "a proxy or another service in between\n" \
      "a fault of the KMS", \
      "run it again; if it stays so, do not use this KMS and tell its operator, with the request id if there is one") \
    X(RC_KMS_CERTIFICATE, \
      "The server that answers at the address of the KMS or of IAM does not prove that it is the one meant, or only with means that are not safe any more. Nothing was sent to it.", \
      "its certificate has expired, or is for another name, or comes from an authority that is not trusted here\n" \
      "the clock of this machine is wrong\n" \
      "a proxy that opens connections, or somebody in between", \
      "look at address and clock: keymuster kms show NAME, date\n" \
      "an authority of your own: keymuster kms set NAME --ca FILE") \
    X(RC_ENDPOINT_UNKNOWN, \
      "The endpoint comes from a log, a copy or an export, is not IBM's own, and nobody here has confirmed it. The credential was not read, and nothing was sent.", \
      "a KMS behind an address of your own, which this machine has not been told\n" \
      "somebody wants to have the credential", \
      "ask whether it is right; if so: keymuster kms set NAME --endpoint URL, or once --endpoint NAME=URL") \
    X(RC_IAM_REFUSED, \
      "IBM Cloud IAM gives no token for the API key. Whether root keys still exist is unknown; this is not a sign that they are gone.", \
      "the API key was deleted, disabled or cut short, or is of another account\n" \
      "its user or service id is suspended\n" \
      "the account allows logins from certain addresses only", \
      "the reason names which it is; make another key and bind it: keymuster kms set NAME --credential REF") \
    X(RC_IAM_UNREACHABLE, \
      "IBM Cloud IAM did not answer, so there is no token to ask the KMS with. Whether root keys still exist is unknown.", \
      "network, name service, firewall, an outage\n" \
      "a machine without a public way out: it needs the private address", \
      "run the same command again later\n" \
      "the private address: keymuster kms set NAME --iam https://private.iam.cloud.ibm.com") \
    X(RC_KMS_BUSY, \
      "The KMS refuses for now because too much is asked of it. Repeats were tried.", \
      "many keys at once, here or by others in the same account", \
      "run the same command again after the time that the message names; what is done stays done") \
    X(RC_KMS_FORBIDDEN, \
      "The credential is known, but a rule of the account or of the KMS forbids this.", \
      "a context-based restriction, a network policy, a policy on making root keys\n" \
      "a deletion that wants a second person, or a root key that something else still uses", \
      "the message has the KMS's code; the administrator of the instance can tell") \
    X(RC_ROOT_UNSEEN, \
      "The KMS says that it has no such root key, though one was recorded. It may be purged, or the request went to another instance or with too few rights. That alone does not prove that it is gone.", \
      "the root key was purged\n" \
      "another instance, region or key ring than the one meant\n" \
      "after a failover of the region: made or rotated in the last hour before it", \
      "compare instance and endpoint: keymuster kms show NAME; ask for all: keymuster root check\n" \
      "use another wrap of the key: keymuster wrap list KEY") \
    X(RC_ROOT_FAULT, \
      "The KMS has the root key and cannot use it. Only its operator can help; repeating does not.", \
      "metadata or a signature that the KMS finds damaged", \
      "give IBM's support the request id of the message\n" \
      "use another wrap of the key: keymuster wrap list KEY") \
    X(RC_KMS_REJECTED, \
      "The KMS finds something in the request wrong. Nothing was changed.", \
      "a root key that is no root key but a standard key, or an imported one that is to be rotated\n" \
      "a fault of this program, or a KMS newer than it", \
      "the message has the KMS's code; with that and the request id it can be looked up") \
    X(RC_KMS_NO_MASTER, \
      "The crypto units of this instance (HPCS, Dedicated) have no master key loaded, so that none of its root keys can be used. As long as the parts of the master key exist, nothing is lost.", \
      "the crypto units were replaced, moved or reset, and the master key was not loaded again", \
      "load the master key, with those who hold its parts; then run the same command again\n" \
      "meanwhile a wrap under another KMS opens: reveal KEY --root OTHER-ROOT") \
    /* ---- 4: copies ---- */ \
    X(RC_COPY_UNREACHABLE, \
      "The copy is not there at the moment. What it lacks will be sent when it is back.", \
      "a disk that is not plugged in or mounted, a server that does not answer", \
      "make it reachable, then: keymuster sync") \
    X(RC_COPY_FOREIGN, \
      "The place, or a log in it, belongs to another escrow. Nothing was written there.", \
      "two escrows were given one folder, or disks were mixed up\n" \
      "somebody laid a foreign log into the copy", \
      "give each escrow a place of its own; compare the escrow ids: keymuster status, escrow.json") \
    X(RC_COPY_ROLLED_BACK, \
      "The copy shows less than it has shown before. Objects of a copy are never deleted, so an older state was put there.", \
      "the disk or folder was restored from a backup or snapshot\n" \
      "somebody hides newer entries", \
      "find out who did it; the store still has everything\n" \
      "if the newer state is gone: empty that place, then keymuster copy add NAME URL") \
    X(RC_COPY_FORKED, \
      "The copy shows another history of an author than is held here, and both carry that author's signature.", \
      "a clone of a store, or a store restored from a backup, went on writing\n" \
      "somebody has the author's key", \
      "both are kept as evidence; find the second store and stop it\n" \
      "of the two, none is taken silently: a new store (keymuster join) and keymuster author admit replace the author") \
    X(RC_COPY_GAP, \
      "The newest head promises entries that the copy does not have.", \
      "an object was lost or deleted, or a transfer by hand left some out", \
      "a store that holds the entries can make a whole copy elsewhere: keymuster copy add NAME URL\n" \
      "for a recovery, use another copy") \
    X(RC_COPY_TAMPERED, \
      "An object of the copy is not what was written there.", \
      "somebody changed it, or the medium is failing\n" \
      "the place was replaced by another copy", \
      "treat the copy as hostile; other copies and stores hold the same entries: keymuster copy check --deep\n" \
      "replaced on purpose: keymuster copy set NAME URL") \
    X(RC_COPY_SIGNATURE, \
      "A signature does not verify under the key that it must come from.", \
      "the object was altered, or is somebody else's\n" \
      "an approval that was signed with another key than the person's, or that is one of another line: of another run, step or " \
      "runbook, or without its line feed", \
      "treat the copy as hostile; compare the founder's key with the recovery card; use another copy\n" \
      "an approval: sign again exactly the line that is shown, and check with minisign -V") \
    X(RC_COPY_NONE, \
      "The place is there, but no copy is in it.", \
      "another folder than the one meant, or an empty mount point", \
      "name the folder that holds escrow.json\n" \
      "make the place a copy: keymuster copy add NAME URL --site SITE") \
    X(RC_COPY_READ_ONLY, \
      "The copy can be read, but not written.", \
      "a write-protected medium, a share without the right to write", \
      "make it writable, then: keymuster sync; until then it does not count for what is new") \
    X(RC_SIGNED_AS_ME, \
      "Somebody signed entries as this store's author that this store did not write.", \
      "a clone of this store is in use, or the key was taken", \
      "stop writing here; find the other store; make a new one (keymuster join) and have it admitted") \
    X(RC_SPLIT_VIEW, \
      "Two authors have seen different entries of a third one. One of the two histories was shown to only some of you.", \
      "a copy shows different histories to different readers\n" \
      "the third author's store was cloned or restored", \
      "compare by another way: keymuster status prints a digest that two sites can read out to each other") \
    X(RC_COPY_FULL, \
      "The copy has no space left. No object is half written.", \
      "the disk is full, or a quota is used up", \
      "make room, then: keymuster sync") \
    X(RC_CARD_FLOOR, \
      "The copy is older than the recovery card: it lacks entries that existed when the card was printed.", \
      "an old disk, or a copy that was rolled back", \
      "look for a newer copy\n" \
      "if there is none: --expect ESCROW-ID instead of --card; what is newer is then missing") \
    X(RC_COPY_NOT_BOUND, \
      "The log may know this copy, but this machine was not told where it is. A store uses only what was bound to it.", \
      "the copy was added at another site", \
      "bind it: keymuster copy set NAME URL; a new one: keymuster copy add NAME URL --site SITE") \
    X(RC_NOT_ANCHORED, \
      "The copy is not of the escrow that was expected, or its founder's key does not make its id.", \
      "the wrong disk, the wrong card, a mistyped id\n" \
      "somebody offers an escrow of his own", \
      "compare with the card; do not use this copy until you know why") \
    X(RC_CREATE_ONCE, \
      "An object that is written once exists with other bytes. What is there was left as it is.", \
      "two stores write as one author\n" \
      "somebody changed the copy", \
      "keymuster copy check --deep says which; see also KM4004 and KM4006") \
    X(RC_COPY_STALE, \
      "A drill looked for a key or a wrap that is known here, and the copy does not have it. Who had this copy alone would " \
      "miss it.", \
      "the copy was away when the key was made or wrapped anew, and nothing was published there since\n" \
      "an author whose entries only this store has\n" \
      "the copy was set back; then KM4003 says so where this machine remembers it", \
      "bring the copy up to date: keymuster sync; then drill again") \
    X(RC_COPY_DENIED, \
      "The server where the copy lies was reached and is the right one, and it does not let this user in, or not do this.", \
      "another password or private key than the server knows\n" \
      "an RSA key: libssh2 1.10 signs with SHA-1 only, which OpenSSH 8.8 and later refuse\n" \
      "a private key with a passphrase\n" \
      "the user may read there and not write", \
      "make a key of its own for keymuster: ssh-keygen -t ed25519 -N '' -f FILE; add its public half at the server\n" \
      "bind it: keymuster copy set NAME URL --credential file:FILE") \
    X(RC_COPY_UNTRUSTED, \
      "Nothing here says which key or certificate the server has to show, so it could be any machine in between. Nothing was " \
      "sent, neither data nor credential.", \
      "the server is not in the file of --known-hosts, or that file is not there\n" \
      "neither --known-hosts nor --host-key was given\n" \
      "a certificate that no authority known here has signed", \
      "compare the key that the message shows with one from the server's own console: ssh-keygen -lf " \
      "/etc/ssh/ssh_host_ed25519_key.pub\n" \
      "then pin it: keymuster copy set NAME URL --host-key SHA256:...") \
    X(RC_COPY_HOST_KEY, \
      "The server shows another host key than the one that was pinned or is in the known hosts. Nothing was sent.", \
      "another machine answers: an address that moved, a name server that lies, somebody in between\n" \
      "the server was installed anew", \
      "ask whoever runs the server, over another way, whether its key was changed and what it is now\n" \
      "then pin the new one: keymuster copy set NAME URL --host-key SHA256:...") \
    X(RC_COPY_NO_CREDENTIAL, \
      "The place wants a user's password or key, and none is bound here.", \
      "the copy is known from the log, and was never bound with a credential at this machine\n" \
      "--from without --credential copy=REF", \
      "keymuster copy set NAME URL --credential REF\n" \
      "with --from: --credential copy=REF") \
    X(RC_COPY_CLOCK, \
      "The server where the copy lies compares each request with its clock and refuses those that are a quarter of an hour off. " \
      "The message shows both clocks; it is not asked again.", \
      "this machine's clock is wrong, as after a restored image or a flat battery\n" \
      "the server's clock is wrong", \
      "set the clock that is wrong: timedatectl set-time, timedatectl set-ntp true\n" \
      "keymuster sync") \
    X(RC_COPY_NO_BUCKET, \
      "The S3 server answers, and has no bucket of this name. A bucket is made at the provider; keymuster makes none.", \
      "a slip in the bucket's name, or another endpoint or account\n" \
      "the bucket was removed, and with it this copy", \
      "make it at the provider (best with versioning or object lock), or correct the address: keymuster copy set NAME " \
      "s3://BUCKET/PREFIX --endpoint URL\n" \
      "if a copy was lost with it, make a new one: keymuster copy add") \
    X(RC_COPY_REPLY, \
      "At the copy's address something answers, but not as a place for copies: a web page, a redirect, or what is not HTTP. " \
      "Nothing of it was used.", \
      "a login page, of the network here or of a portal before the server\n" \
      "a proxy that opens connections\n" \
      "an address that is the web site's, not the one for WebDAV", \
      "open the address in a browser at this machine and see what comes\n" \
      "bind the right one: keymuster copy set NAME URL; through a proxy: --proxy http://HOST:PORT") \
    X(RC_COPY_PROXY, \
      "The proxy between here and the copy's server was reached, and does not let the connection through. The server was not " \
      "asked, and it saw no credential.", \
      "a proxy that wants a login, or another one\n" \
      "a rule of the proxy: that server or that port is not allowed\n" \
      "a proxy that cannot reach the server itself", \
      "say another way: keymuster copy set NAME URL --proxy http://HOST:PORT\n" \
      "its login: --credential proxy=REF, USER:PASSWORD") \
    X(RC_COPY_LIMIT, \
      "The server takes no object of that size. Nothing was left half-written. Most objects of a copy are small; one of 4,096 " \
      "entries may have 32 MiB.", \
      "nginx takes 1 MiB unless told otherwise", \
      "raise the limit at the server to 40 MiB: nginx client_max_body_size, lighttpd server.max-request-size, Apache " \
      "LimitRequestBody\n" \
      "then: keymuster sync") \
    /* ---- 5: runbooks and runs ---- */ \
    X(RC_RUNBOOK, \
      "A person could not follow the runbook on paper, or keymuster not at their side.", \
      "a step that does not say what to expect or what to do if it fails\n" \
      "an unknown kind of step, or a command that is not keymuster's own; a runbook never runs a shell\n" \
      "a key that is not in the escrow", \
      "the message names lines and reasons; keymuster runbook check FILE shows all of them\n" \
      "eight come with the program, to start from: keymuster runbook show total-loss") \
    X(RC_RUN_PAUSED, \
      "A run of a runbook waits. All that was done is in the log.", \
      "somebody paused it, with p or Ctrl-C, or the terminal went away\n" \
      "there is no terminal, and the file of --answers says nothing of the next step", \
      "go on where it was: keymuster recover resume\n" \
      "at another machine: keymuster sync there first") \
    X(RC_RUN_FAILED, \
      "A step failed, and nobody was there to decide what comes next.", \
      "the message and the step's own words, If it fails, say what may be the cause", \
      "put it right and go on: keymuster recover resume\n" \
      "or leave the step out there, with a reason") \
    X(RC_RUN_OVER, \
      "A run that has ended cannot be taken up again.", \
      "the newest run was meant, or another one", \
      "keymuster recover list; keymuster recover start begins a new one") \
    /* ---- 6: policy ---- */ \
    X(RC_POLICY, \
      "It could be done, but a rule that protects keys says no. Nothing was changed.", \
      "the last wrap of a key, a key that is still needed, an author that is not admitted itself\n" \
      "somebody approves or countersigns a run that they played themselves, or has left\n" \
      "policy asks for more wraps, a ticket or a person: keymuster policy show", \
      "the message says what has to be done first\n" \
      "some rules can be overridden, which is recorded: --accept-risk TEXT") \
    X(RC_PURPOSE_SITE, \
      "The key would be lost together with the site that it is there to recover.", \
      "a config-backup or backup-copy key with wraps only under KMSs at the protected site", \
      "add a root key at another site: --root ROOT, or --owe ROOT if it is out of reach now\n" \
      "say which site it protects: --protects-site SITE; or take the risk, recorded: --accept-risk TEXT") \
    X(RC_NOT_RELEASED, \
      "The key is stored here, but no copy has its record yet (for some purposes: none at another site). If it were used " \
      "and this machine were lost, so would be the backups.", \
      "no copy is bound, or none that counts was reachable", \
      "plug in or add a copy, then: keymuster sync\n" \
      "use it all the same, recorded: --allow-unsynced") \
    X(RC_NO_REASON, \
      "A secret is shown, and some things are done, only for a reason that is recorded.", \
      "--reason is missing; policy may want one for every change of a key: keymuster policy show", \
      "--reason TEXT, and --ticket REF if there is one") \
    /* ---- 7: delivery ---- */ \
    X(RC_NO_TERMINAL, \
      "The secret was to be shown on the terminal, and there is none that can do it.", \
      "a script, a timer, cron, a pipe; a terminal without a second screen", \
      "say where it shall go: --to file:PATH, --to -, --to fd:N; or run a command with it: keymuster exec") \
    X(RC_TO_TERMINAL, \
      "The secret would land on a terminal, and stay in its history.", \
      "--to - or --to fd:N without a pipe or a file behind it", \
      "without --to it is shown on a second screen that leaves nothing behind; or redirect it") \
    X(RC_FILE_EXISTS, \
      "The file is there already, and nothing is overwritten with a secret. Nothing was shown.", \
      "the same command ran before", \
      "choose another name, or remove that file first") \
    X(RC_NO_RECORD, \
      "That a secret was shown could not be recorded, so it is not shown.", \
      "the store, or the folder for records, cannot be written or is full", \
      "make it writable; from a copy, with records elsewhere: --from COPY --evidence DIR") \
    X(RC_NO_LOCK, \
      "Memory for secrets cannot be locked, so it could be written to swap space.", \
      "the limit on locked memory (ulimit -l) is below 64 KiB, in a container or service", \
      "raise it: ulimit -l 64, LimitMEMLOCK=64K, --ulimit memlock=65536\n" \
      "go on unlocked, recorded: --accept-risk TEXT") \
    X(RC_NOT_DELIVERED, \
      "The secret cannot be delivered to the place asked for. It was not shown.", \
      "a folder that others can write in or that is not there, a descriptor that is not open, a terminal that is too small", \
      "choose a folder of your own (mode 0700), or another destination") \
    X(RC_OUTPUT_FAILED, \
      "What was to be done is done and recorded; only the output failed afterwards.", \
      "the reader of a pipe went away, a full disk under the output", \
      "do not repeat it; look at what is there: keymuster show KEY, keymuster audit log --entry HASH\n" \
      "after a reveal: part of the secret may be where it was sent") \
    X(RC_EXEC_FAILED, \
      "The command of exec could not be started. It has not seen the secret.", \
      "it is not in PATH, or is not executable", \
      "try the command alone; give its path") \
    X(RC_TEMPLATE, \
      "The file of exec --template cannot be filled in. Nothing was unwrapped, unless the message says that the " \
      "secret does not fit.", \
      "it has no {{secret}}, or one that is written otherwise or stands where it would not be read; it is a link, a " \
      "folder, larger than 1 MiB or not UTF-8\n" \
      "the secret has a control character, which XML cannot hold", \
      "write {{secret}} where the password belongs; {{secret:xml}}, {{secret:json}} or {{secret:raw}} say how it is " \
      "escaped") \
    /* ---- 9: the program itself ---- */ \
    X(RC_VBR_UNREACHABLE, \
      "The backup server's REST service did not answer, or said that it cannot at the moment. Whether a change was made is " \
      "found out by the next command; nothing is sent twice blindly.", \
      "it is down or restarting\n" \
      "port 9419 is closed by a firewall\n" \
      "the address is another one", \
      "run the same command again; is the service there? keymuster vbr test NAME") \
    X(RC_VBR_CERTIFICATE, \
      "The backup server's certificate does not verify, so nothing was sent, the login neither.", \
      "it has the self-signed certificate that it was installed with\n" \
      "the address is another name than the certificate has", \
      "name what vouches for it: keymuster vbr set NAME --ca FILE\n" \
      "or its public key: keymuster vbr set NAME --pin sha256//BASE64") \
    X(RC_VBR_PIN, \
      "The backup server shows another public key than the pinned one. Nothing was sent.", \
      "it was reinstalled, or got a new certificate\n" \
      "another machine answers in its place", \
      "ask whoever runs it; only then: keymuster vbr set NAME --pin sha256//BASE64") \
    X(RC_VBR_REFUSED, \
      "The backup server gives no token for this name and password.", \
      "the password is wrong, or was changed\n" \
      "multi-factor authentication is on for the account; the REST API takes a password alone\n" \
      "the account has no role there", \
      "an account of its own without multi-factor authentication: keymuster vbr set NAME --credential REF") \
    X(RC_VBR_FORBIDDEN, \
      "The login works, but the account's role is too small for this call.", \
      "listing and verifying want a Backup Operator (13) or Security Administrator\n" \
      "changes want a Security Administrator, the configuration backup a Backup Administrator", \
      "give the account the role, or use another account: keymuster vbr set NAME --credential REF") \
    X(RC_VBR_REPLY, \
      "What came back is not an answer of the VBR REST API, or not one to what was asked.", \
      "another service answers at that address\n" \
      "a proxy in between", \
      "is the address right? keymuster vbr list") \
    X(RC_VBR_OLD, \
      "The backup server speaks no version of the REST API that is known here, or lacks this call.", \
      "it is older than 12.3", \
      "deliver by hand and say so: keymuster vbr delivered KEY --evidence TEXT") \
    X(RC_VBR_REJECTED, \
      "The backup server finds the request wrong.", \
      "a rule of that server, or a fault of this program", \
      "the reason that it gives stands in the message") \
    X(RC_VBR_GONE, \
      "The backup server has no such password, session or call.", \
      "it was removed there\n" \
      "the configuration was restored from an older backup", \
      "put it there: keymuster vbr push KEY") \
    X(RC_VBR_NO_CREDENTIAL, \
      "This machine has no login for the backup server.", \
      "it was added at another site", \
      "bind one: keymuster vbr set NAME --credential REF") \
    X(RC_VBR_HINT, \
      "The backup server did not keep the hint as it was sent, so the wrap in it is of no use. The escrow has it all the same.", \
      "it cuts long hints", \
      "nothing is lost: the key is found by its name and uniqueId; say it to whoever runs keymuster") \
    X(RC_VBR_DIFFERS, \
      "The backup server holds another password under this key's id than the escrow has.", \
      "somebody changed the password there", \
      "the escrow's value was not put there; look at it there; a generation of its own: keymuster rekey KEY") \
    X(RC_VBR_JOB, \
      "The configuration backup ran and ended in failure, or did not end in time.", \
      "the repository is away, or full\n" \
      "another reason, in the words of the backup server", \
      "look at the job there, then run the same command again") \
    X(RC_INTERNAL, \
      "keymuster has come to a point that it should not. It stops there; what was reported as stored is stored.", \
      "a fault of the program", \
      "keymuster verify; report it, with the message and what was typed (never with a secret)") \
    X(RC_NO_MEMORY, \
      "There is not enough memory, or all places for secrets are taken.", \
      "a small machine or container; the key derivation of a local KMS wants 64 MiB", \
      "give it more and run the same command again") \
    X(RC_INTERRUPTED, \
      "A signal, or the end of input at a question, ended the command.", \
      "Ctrl-C, a time limit of a service, a terminal that was closed", \
      "what was reported as done is stored; the same command goes on where it stopped")
/* clang-format on */

#endif
