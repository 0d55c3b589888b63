// Receives from the host what a resumed machine can't know: the time, entropy, the job.
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool read_all(int fd, void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t got = read(fd, (char *)bytes + done, length - done);
    if (got <= 0) {
      return false;
    }
    done += (size_t)got;
  }
  return true;
}

static char *take_frame(int port, enum frame_kind kind, size_t *length) {
  struct frame header;
  if (!read_all(port, &header, sizeof header) || header.kind != kind) {
    fail("the host sends no frame of kind %d", kind);
  }
  char *bytes = malloc((size_t)header.length + 1);
  if (!bytes || !read_all(port, bytes, header.length)) {
    fail("the host sends a frame cut short");
  }
  bytes[header.length] = '\0';
  *length = header.length;
  return bytes;
}

// Machines resumed from one state have the same random numbers until this.
static void use_fresh(const struct fresh *fresh) {
  struct timespec now = {.tv_sec = (time_t)fresh->seconds, .tv_nsec = (long)fresh->nanoseconds};
  if (clock_settime(CLOCK_REALTIME, &now) != 0) {
    note("the clock: %s", strerror(errno));
  }
  struct {
    struct rand_pool_info info;
    uint8_t bytes[sizeof fresh->entropy];
  } pool = {.info = {.entropy_count = sizeof fresh->entropy * 8, .buf_size = sizeof fresh->entropy}};
  memcpy(pool.info.buf, fresh->entropy, sizeof fresh->entropy);
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) != 0 || ioctl(fd, RNDRESEEDCRNG) != 0) {
    note("entropy: %s", strerror(errno));
  }
  close(fd);
}

static struct job parse_job(char *text, size_t length) {
  size_t records = 0;
  for (size_t i = 0; i < length; ++i) {
    records += text[i] == '\0';
  }
  struct job job = {.cwd = "/"};
  job.keep = calloc(records + 1, sizeof *job.keep);
  job.env = calloc(records + 1, sizeof *job.env);
  job.argv = calloc(records + 1, sizeof *job.argv);
  if (!job.keep || !job.env || !job.argv) {
    fail("the job: %s", strerror(errno));
  }
  size_t keeps = 0;
  size_t envs = 0;
  size_t args = 0;
  for (char *record = text; record < text + length; record += strlen(record) + 1) {
    char *value = strchr(record, '=');
    if (!value) {
      fail("the job has a record without a key");
    }
    *value++ = '\0';
    if (strcmp(record, "arg") == 0) {
      job.argv[args++] = value;
    } else if (strcmp(record, "env") == 0) {
      job.env[envs++] = value;
    } else if (strcmp(record, "keep") == 0) {
      job.keep[keeps++] = value;
    } else if (strcmp(record, "cwd") == 0) {
      job.cwd = value;
    } else if (strcmp(record, "out") == 0) {
      job.out = value;
    } else if (strcmp(record, "modules") == 0) {
      job.modules = value;
    } else if (strcmp(record, "terminal") == 0) {
      job.terminal = true;
    }
    record = value;
  }
  if (args == 0 || !job.out || !job.modules || keeps > max_keep) {
    fail("the host sends what is no job");
  }
  return job;
}

struct job take_job(int port) {
  // While the host's end of the port is closed, the port is readable and empty.
  struct pollfd ready = {.fd = port, .events = POLLIN};
  while (poll(&ready, 1, -1) < 0 || ready.revents != POLLIN) {
    usleep(5000);
  }
  size_t length = 0;
  free(take_frame(port, frame_hello, &length));
  send_frame(port, frame_awake, "", 0);
  char *fresh = take_frame(port, frame_fresh, &length);
  if (length == sizeof(struct fresh)) {
    use_fresh((const struct fresh *)fresh);
  }
  free(fresh);
  char *text = take_frame(port, frame_job, &length);
  return parse_job(text, length);
}
