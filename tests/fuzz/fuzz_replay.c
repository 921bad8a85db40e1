/*
 * Replays a corpus through LLVMFuzzerTestOneInput without libFuzzer, so that
 * every preset runs what fuzzing ever found. Usage: fuzz_<name>
 * FILE_OR_DIRECTORY…
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0;

    if (!file) {
        (void)fprintf(stderr, "fuzz_replay: cannot read %s\n", path);
        return 1;
    }
    if (fseek(file, 0, SEEK_END) == 0) {
        long end = ftell(file);
        rewind(file);
        data = malloc(end > 0 ? (size_t)end : 1);
        size = data && end > 0 ? fread(data, 1, (size_t)end, file) : 0;
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int
replay_directory(const char *path, size_t *count)
{
    DIR *dir = opendir(path);
    int failed = 0;

    if (!dir) {
        (void)fprintf(stderr, "fuzz_replay: cannot open %s\n", path);
        return 1;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char file[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        failed |= replay_file(file);
        (*count)++;
    }
    (void)closedir(dir);
    return failed;
}

int
main(int argc, char **argv)
{
    size_t count = 0;
    int failed = argc < 2;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            failed |= replay_directory(argv[i], &count);
        } else {
            failed |= replay_file(argv[i]);
            count++;
        }
    }
    (void)printf("replayed %zu inputs\n", count);
    return failed || count == 0;
}
