/* A fiber that runs into its guard page would die of a silent SIGSEGV, with no stack left to say so. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/fiber/internal.h"

/* More than SIGSTKSZ, which does not count the vector registers of newer processors. */
#define SIGNAL_STACK_BYTES (64 * 1024)

static struct sigaction action_before;

static void on_segv(int signal_number, siginfo_t *info, void *ucontext)
{
    (void)ucontext;
    struct fiber *fiber = fiber_self();
    const char *address = info->si_addr;
    if (fiber && address < fiber->stack.low &&
        address >= fiber->stack.low - sysconf(_SC_PAGESIZE)) {
        static const char text[] = "fiber stack overflow\n";
        ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
        (void)written;
        abort();
    }
    /* Not ours: the instruction faults again under whoever was there before. */
    sigaction(signal_number, &action_before, NULL);
}

static int install_errno;

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    install_errno = sigaction(SIGSEGV, &action, &action_before);
}

enum status overflow_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, install) != 0 || install_errno != 0)
        return STATUS_UNAVAILABLE;
    stack_t now;
    if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE))
        return STATUS_OK; /* AddressSanitizer has given the thread one */
    void *map = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return STATUS_UNAVAILABLE;
    /* Kept as long as the thread: there is one loop thread a core, for the life of the process. */
    stack_t ours = {.ss_sp = map, .ss_size = SIGNAL_STACK_BYTES};
    return sigaltstack(&ours, NULL) == 0 ? STATUS_OK : STATUS_UNAVAILABLE;
}
