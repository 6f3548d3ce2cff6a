#include "sys/path.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum rc
path_join(char out[PATH_SIZE], const char *a, const char *b, struct err *err)
{
    size_t len = strlen(a);
    /* Nothing before the slash would turn a relative path into an absolute one. */
    const char *slash = len == 0 || a[len - 1] == '/' ? "" : "/";
    int n = snprintf(out, PATH_SIZE, "%s%s%s", a, slash, b);
    if (n >= 0 && n < PATH_SIZE)
        return RC_OK;
    out[0] = '\0';
    return err_set(err, RC_BAD_VALUE, "a path is longer than %d bytes", PATH_SIZE - 1);
}

enum rc
path_absolute(char out[PATH_SIZE], const char *path, struct err *err)
{
    char here[PATH_SIZE] = "";
    out[0] = '\0';
    if (path[0] == '\0')
        return err_set(err, RC_BAD_VALUE, "a path is empty");
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return err_errno(err, RC_IO, "finding the working folder");
    return path_join(out, here, path, err);
}

/* Types whose locks or syncs are another machine's, from statfs(2) and the kernel's magic.h. */
static const struct net_type {
    uint32_t magic;
    const char *name;
} net_types[] = {
    {0x6969, "nfs"},        {0x517b, "smb"},       {0xff534d42, "cifs"},   {0xfe534d42, "smb2"},
    {0x5346414f, "afs"},    {0x6b414653, "afs"},   {0x73757245, "coda"},   {0x564c, "ncp"},
    {0x01021997, "9p"},     {0x00c36400, "ceph"},  {0x0bd00bd0, "lustre"}, {0x47504653, "gpfs"},
    {0x19830326, "beegfs"}, {0x20030528, "pvfs2"}, {0x786f4256, "vboxsf"}, {0xbacbacbc, "vmhgfs"},
};

enum { FUSE_MAGIC = 0x65735546 };

/* All FUSE file systems have one magic number; these are known to be remote. */
static const char *const net_fuse[] = {
    "fuse.sshfs",     "fuse.rclone",     "fuse.s3fs",     "fuse.glusterfs",
    "fuse.ceph-fuse", "fuse.curlftpfs",  "fuse.smbnetfs", "fuse.goofys",
    "fuse.gcsfuse",   "fuse.gvfsd-fuse", "fuse.juicefs",  "fuse.mfs",
};

/* The name in our tables, or NULL. */
static const char *
network_name(long magic, const char *fstype)
{
    if ((uint32_t)magic == FUSE_MAGIC) {
        for (size_t i = 0; fstype != NULL && i < sizeof net_fuse / sizeof net_fuse[0]; i++) {
            if (strcmp(net_fuse[i], fstype) == 0)
                return net_fuse[i];
        }
        return NULL;
    }
    for (size_t i = 0; i < sizeof net_types / sizeof net_types[0]; i++) {
        if (net_types[i].magic == (uint32_t)magic)
            return net_types[i].name;
    }
    return NULL;
}

int
fs_type_is_network(long magic, const char *fstype)
{
    return network_name(magic, fstype) != NULL;
}

/* A line of /proc/self/mountinfo, "36 35 98:0 / /mnt opts - TYPE ...", is of this device. */
static int
is_mount_of(const char *line, dev_t dev)
{
    char want[32];
    (void)snprintf(want, sizeof want, "%u:%u ", major(dev), minor(dev));
    for (int word = 0; word < 2; word++) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    return strncmp(line, want, strlen(want)) == 0;
}

/* The type that /proc/self/mountinfo gives for a device. */
static void
mount_type(char *out, size_t size, dev_t dev)
{
    out[0] = '\0';
    FILE *f = fopen("/proc/self/mountinfo", "re");
    if (f == NULL)
        return;
    char line[4096];
    while (fgets(line, sizeof line, f) != NULL) {
        const char *dash = strstr(line, " - ");
        if (dash == NULL || !is_mount_of(line, dev))
            continue;
        size_t len = strcspn(dash + 3, " \n");
        if (len < size) {
            memcpy(out, dash + 3, len);
            out[len] = '\0';
        }
        break;
    }
    (void)fclose(f);
}

int
fs_is_network(const char *path, const char **type)
{
    struct statfs fs;
    struct stat st;
    char fstype[64] = "";
    *type = "";
    if (statfs(path, &fs) != 0 || stat(path, &st) != 0)
        return 0;
    if ((uint32_t)fs.f_type == FUSE_MAGIC)
        mount_type(fstype, sizeof fstype, st.st_dev);
    const char *name = network_name((long)fs.f_type, fstype);
    if (name != NULL)
        *type = name;
    return name != NULL;
}

int
fs_same_device(const char *a, const char *b)
{
    struct stat sa;
    struct stat sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev;
}
