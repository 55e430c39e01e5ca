/* Preloaded into a server, it moves the server's clock by the number of nanoseconds in the file $WYE_SANDBOX_CLOCK, which a
   test changes while the server runs (clocks.py). Only the wall clock moves, as when somebody sets it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000;
static const volatile int64_t *moved;
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("WYE_SANDBOX_CLOCK");
  const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    void *seen = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (seen != MAP_FAILED) moved = seen;
  }
  /* By version: the plain name may give the one of before NPTL. */
  *(void **)&real_timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!real_timedwait) *(void **)&real_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  *(void **)&real_clockwait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
}

static int64_t offset(void) { return moved ? *moved : 0; }

static void add(struct timespec *at, int64_t by) {
  const int64_t nanoseconds = at->tv_nsec + by % second + second;
  at->tv_sec += by / second + nanoseconds / second - 1;
  at->tv_nsec = nanoseconds % second;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  const int result = (int)syscall(SYS_clock_gettime, clock, out);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)) add(out, offset());
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec *out, int base) {
  if (base != TIME_UTC) return 0;
  clock_gettime(CLOCK_REALTIME, out);
  return base;
}

/* A deadline was reckoned by the moved clock, and is waited for by the machine's. Those of a monotonic clock are small. */
static struct timespec deadline(const struct timespec *at) {
  struct timespec real = *at;
  if (real.tv_sec > 1000000000) add(&real, -offset());
  return real;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *at) {
  const struct timespec real = deadline(at);
  return real_timedwait(condition, mutex, &real);
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *at) {
  const struct timespec real = deadline(at);
  return real_clockwait(condition, mutex, clock, &real);
}
