/* version: of everything that is built from this tree. */
#ifndef PEK_SHARED_BASE_VERSION_H
#define PEK_SHARED_BASE_VERSION_H

#define PEK_VERSION "0.1.0"

#endif
