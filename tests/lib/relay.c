/*
 * For tests: the line between keymuster and a server, where it can be cut. Forwards whatever
 * connects to it to a port of 127.0.0.1.
 *
 *   relay PORT CONTROL     its first line is the port of 127.0.0.1 at which it listens; it runs
 * until SIGTERM
 *
 * The file CONTROL says what it does. It is read whenever somebody connects; when it was replaced
 * since (write another one, rename it), counting begins anew. One line:
 *
 *   pass              all arrives
 *   refuse            who connects is cut off at once
 *   FAULT N           at turn N. A turn is whenever the client speaks after it has listened, over
 * all connections; 1 the first. So a request is one turn at least, whatever the protocol is,
 * encrypted or not. before        the line is cut before anything of that turn arrives torn half of
 * its first bytes arrive, then it is cut after         all arrives; what is answered does not, and
 * it is cut answer-torn   half of the first bytes that are answered arrive, then it is cut mute all
 * arrives; what is answered does not, and the line stays gone          as before, and from then on
 * as refuse kill-before   as before, and the process whose id is in CONTROL.pid is killed first
 *       kill-after    as after, and likewise
 *   up N, down N      cut once N bytes have passed this way, over all connections
 *   delay N           what is answered comes N milliseconds late
 *   trickle N         what is answered comes N bytes a second
 *
 * CONTROL.count is brought up to date before anything is passed on: connections, turns, bytes up,
 * bytes down, and 1 when the fault took place, with blanks between.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum what {
    PASS,
    REFUSE,
    BEFORE,
    TORN,
    AFTER,
    ANSWER_TORN,
    MUTE,
    GONE,
    KILL_BEFORE,
    KILL_AFTER,
    UP,
    DOWN,
    DELAY,
    TRICKLE,
    WHATS
};
static const char *const words[WHATS] = {
    "pass", "refuse",      "before",     "torn", "after", "answer-torn", "mute",
    "gone", "kill-before", "kill-after", "up",   "down",  "delay",       "trickle"};

/* Of all connections' processes, under the lock of the file of counts. */
struct shared {
    struct timespec written; /* the file CONTROL, as it was read */
    ino_t inode;
    enum what what;
    long n;
    long connections, turns, up, down;
    int struck;
};

/* One connection, a process of its own. */
struct line {
    int client, server;
    int listened;   /* the client: what it says next is a turn */
    enum what then; /* what happens to the answer; PASS nothing */
};

enum { BYTES = 65536, NAME = 4096 };

static struct shared *all;
static char control[NAME];
static char pid_name[NAME + 8];
static int count_fd;

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- what is shared ---- */

static void
lock(void)
{
    while (lockf(count_fd, F_LOCK, 0) != 0)
        ;
}

/* Writes the counts before it lets go. */
static void
unlock(void)
{
    char text[128];
    int n = snprintf(text, sizeof text, "%-9ld %-9ld %-12ld %-12ld %d\n", all->connections,
                     all->turns, all->up, all->down, all->struck);
    if (pwrite(count_fd, text, (size_t)n, 0) != n)
        die("counts");
    (void)lseek(count_fd, 0, SEEK_SET);
    (void)lockf(count_fd, F_ULOCK, 0);
}

static void
read_control(void)
{
    struct stat st;
    char word[32] = "pass";
    long n = 0;
    FILE *f = fopen(control, "r");
    if (f == NULL)
        return;
    if (fstat(fileno(f), &st) == 0 &&
        (st.st_ino != all->inode || st.st_mtim.tv_sec != all->written.tv_sec ||
         st.st_mtim.tv_nsec != all->written.tv_nsec) &&
        fscanf(f, "%31s %ld", word, &n) >= 1) {
        *all = (struct shared){.written = st.st_mtim, .inode = st.st_ino, .what = WHATS, .n = n};
        for (int i = 0; i < WHATS; i++)
            all->what = strcmp(word, words[i]) == 0 ? (enum what)i : all->what;
        if (all->what == WHATS) {
            (void)fprintf(stderr, "relay: what is \"%s\"?\n", word);
            exit(2);
        }
    }
    (void)fclose(f);
}

static void
kill_client(void)
{
    FILE *f = fopen(pid_name, "r");
    long pid = 0;
    if (f == NULL || fscanf(f, "%ld", &pid) != 1 || pid < 2 || kill((pid_t)pid, SIGKILL) != 0)
        die(pid_name);
    (void)fclose(f);
}

/* ---- one connection ---- */

static int
send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0)
            return 0;
        bytes += n;
        len -= (size_t)n;
    }
    return 1;
}

/* Counts the bytes; how many of them may pass before the line is cut. */
static size_t
allowed(long *passed, enum what way, size_t len)
{
    size_t left = all->n > *passed ? (size_t)(all->n - *passed) : 0;
    *passed += (long)len;
    if (all->what != way || all->struck || len < left)
        return len;
    all->struck = 1;
    return left;
}

/* 0: the line is cut. */
static int
from_client(struct line *l)
{
    static char bytes[BYTES];
    ssize_t got = read(l->client, bytes, sizeof bytes);
    if (got <= 0)
        return 0;
    lock();
    all->turns += l->listened;
    int strikes = l->listened && all->what >= BEFORE && all->what <= KILL_AFTER && !all->struck &&
                  all->turns == all->n;
    enum what now = strikes ? all->what : PASS;
    all->struck |= strikes;
    size_t pass = allowed(&all->up, UP, (size_t)got);
    unlock();
    l->listened = 0;
    if (now == KILL_BEFORE)
        kill_client();
    if (now == BEFORE || now == GONE || now == KILL_BEFORE)
        return 0;
    if (now == TORN)
        pass /= 2;
    else if (now != PASS)
        l->then = now;
    return send_all(l->server, bytes, pass) && pass == (size_t)got;
}

static void
wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0)
        ;
}

/* Byte by byte, at so many a second. */
static int
trickle(int fd, const char *bytes, size_t len, long rate)
{
    for (size_t i = 0; i < len; i++) {
        wait_ms(1000 / (rate > 0 ? rate : 1));
        if (!send_all(fd, bytes + i, 1))
            return 0;
    }
    return 1;
}

static int
from_server(struct line *l)
{
    static char bytes[BYTES];
    ssize_t got = read(l->server, bytes, sizeof bytes);
    if (got <= 0)
        return 0;
    lock();
    size_t pass = allowed(&all->down, DOWN, (size_t)got);
    enum what what = all->what;
    long n = all->n;
    unlock();
    if (l->then == KILL_AFTER)
        kill_client();
    if (l->then == AFTER || l->then == KILL_AFTER)
        return 0;
    if (l->then == MUTE)
        return 1;
    if (l->then == ANSWER_TORN)
        pass /= 2;
    l->listened = 1;
    if (what == DELAY)
        wait_ms(n);
    return (what == TRICKLE ? trickle(l->client, bytes, pass, n)
                            : send_all(l->client, bytes, pass)) &&
           pass == (size_t)got;
}

static void
pass_on(struct line *l)
{
    struct pollfd fds[2] = {{l->client, POLLIN, 0}, {l->server, POLLIN, 0}};
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            return;
        if (fds[0].revents != 0 && !from_client(l))
            return;
        if (fds[1].revents != 0 && !from_server(l))
            return;
    }
}

/* ---- listening ---- */

static struct sockaddr_in
at_port(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int
new_socket(void)
{
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        die("socket");
    return fd;
}

static void
serve(int client, unsigned port)
{
    struct line l = {.client = client, .listened = 1, .then = PASS};
    struct sockaddr_in to = at_port(port);
    int one = 1;
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    lock();
    read_control();
    all->connections++;
    int refused = all->what == REFUSE || (all->what == GONE && all->struck);
    unlock();
    l.server = refused ? -1 : new_socket();
    if (!refused && connect(l.server, (struct sockaddr *)&to, sizeof to) == 0)
        pass_on(&l);
}

int
main(int argc, char **argv)
{
    struct sockaddr_in at = at_port(0);
    socklen_t len = sizeof at;
    int fd = new_socket();
    char name[NAME + 8];
    if (argc != 3 || strlen(argv[2]) >= NAME) {
        (void)fprintf(stderr, "usage: relay PORT CONTROL\n");
        return 2;
    }
    (void)snprintf(control, sizeof control, "%s", argv[2]);
    (void)snprintf(pid_name, sizeof pid_name, "%s.pid", control);
    (void)snprintf(name, sizeof name, "%s.count", control);
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    count_fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (all == MAP_FAILED || count_fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        die("relay");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    printf("%u\n", (unsigned)ntohs(at.sin_port));
    (void)fflush(stdout);
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client < 0)
            continue;
        if (fork() == 0) {
            (void)close(fd);
            serve(client, (unsigned)strtoul(argv[1], NULL, 10));
            _exit(0);
        }
        (void)close(client);
    }
}
