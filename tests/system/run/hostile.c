// What a process of a guest can do to the host by vsock: `flood N` opens connections and says nothing, `hello N` says that it
// is the guest's init, again and again.
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_host(void) {
  const int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 1024};
  if (fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

int main(int count, char** words) {
  if (count != 3) return 2;
  const int times = atoi(words[2]);
  int done = 0;
  if (strcmp(words[1], "flood") == 0) {
    const struct rlimit most = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &most);
    while (done < times && connect_host() >= 0) ++done;
    printf("opened %d\n", done);
    fflush(stdout);
    pause();
  }
  const struct {
    uint32_t length;
    uint16_t type, reserved;
    uint32_t process, version, zero, token[2];
  } hello = {16, 1, 0, 0, 2, 0, {0, 0}};
  for (; done < times; ++done) {
    const int fd = connect_host();
    if (fd < 0 || write(fd, &hello, sizeof hello) != sizeof hello) break;
    close(fd);
  }
  printf("said %d\n", done);
  return 0;
}
