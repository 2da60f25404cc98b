// Calls of Linux that Swift's Glibc module leaves out, because its headers are read without _GNU_SOURCE.
#ifndef LOCKSTEP_LINUX_H
#define LOCKSTEP_LINUX_H

// renameat2(2), with its flag that lets two names change hands in one step.
int renameat2(int old_directory, const char *old_path, int new_directory, const char *new_path, unsigned int flags);
#define LOCKSTEP_RENAME_EXCHANGE 2u

#endif
