/* The process itself: hardening, signals, and who acts with it. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

/* umask 077, core size 0, PR_SET_DUMPABLE 0, PR_SET_NO_NEW_PRIVS not set (exec needs sudo), SIGPIPE
 * ignored. */
void process_harden(void);

/*
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT set a flag, which long work asks for between steps; a second one
 * ends at once after restoring the terminal (see sys/term.h), but for a second SIGHUP after a
 * first.
 */
void signals_catch(void);
/* 0, or the number of the signal that arrived. */
int signals_pending(void);
/* Until it is taken off, signals_pending says 0: for what must still be done after one came. A
 * second signal ends even that. */
void signals_hold(int on);

/* Who acts, for an entry's "by". Texts are borrowed for the life of the process; login and from may
 * be "". */
struct actor {
    const char *user;  /* effective user's name, or its number */
    const char *login; /* the person behind sudo or the login, if known */
    const char *host;  /* host name */
    const char *from;  /* "ssh 192.0.2.7", or "" */
};
const struct actor *actor_get(void);

#endif
