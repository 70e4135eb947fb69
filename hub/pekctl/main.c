/* pekctl: see `pekctl --help`. */
#include "hub/pekctl/pekctl.h"

extern char **environ;

int main(int argc, char **argv)
{
    return pekctl_run(argc, argv, environ, stdout, stderr);
}
