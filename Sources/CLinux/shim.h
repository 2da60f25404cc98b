// Calls of Linux that Swift's Glibc module leaves out, because its headers are read without _GNU_SOURCE.
#ifndef LOCKSTEP_LINUX_H
#define LOCKSTEP_LINUX_H

#include <stddef.h>

// malloc_trim(3): gives free memory inside the heap back, also below memory that is in use.
int malloc_trim(size_t pad);

// renameat2(2), with its flag that lets two names change hands in one step.
int renameat2(int old_directory, const char *old_path, int new_directory, const char *new_path, unsigned int flags);
#define LOCKSTEP_RENAME_EXCHANGE 2u

#endif
