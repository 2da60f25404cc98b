import Glibc

/// A server that was started as a program, without a shell, with a process group of its own.
///
/// Whatever it starts is in its group and ends with it, unless it leaves the group; its error stream is the gateway's own.
struct WrappedProgram {
    struct Failure: Error {
        /// The reason, in the words of the system.
        let reason: String
    }

    let id: pid_t
    /// The gateway's ends of the pipes.
    let input: CInt
    let output: CInt

    /// Starts `words`: the program, looked up in `PATH` where it has no slash, and its arguments.
    init(_ words: [String]) throws(Failure) {
        guard let program = words.first, !program.isEmpty, !words.contains(where: { $0.utf8.contains(0) }) else {
            throw Failure(reason: "it has no command that could be started")
        }
        let toChild = try Self.pipe()
        let fromChild: (read: CInt, write: CInt)
        do throws(Failure) {
            fromChild = try Self.pipe()
        } catch {
            close(toChild.read)
            close(toChild.write)
            throw error
        }
        defer {
            close(toChild.read)
            close(fromChild.write)
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, toChild.read, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, fromChild.write, STDOUT_FILENO)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        // What this process ignores or blocks, its child would as well.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = CInt(POSIX_SPAWN_SETPGROUP) | CInt(POSIX_SPAWN_SETSIGMASK) | CInt(POSIX_SPAWN_SETSIGDEF)
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer {
            unsafe pointers.forEach { unsafe free($0) }
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        var child: pid_t = 0
        let fault = unsafe posix_spawnp(&child, program, &actions, &attributes, pointers, environ)
        guard fault == 0 else {
            close(toChild.write)
            close(fromChild.read)
            throw Failure(reason: unsafe String(cString: strerror(fault)))
        }
        id = child
        input = toChild.write
        output = fromChild.read
    }

    /// Whether the program has ended; it stays known to the system, so that its number is nobody else's.
    var hasEnded: Bool {
        var information = unsafe siginfo_t()
        let found = unsafe waitid(P_PID, id_t(id), &information, WEXITED | WNOHANG | WNOWAIT)
        let signal = unsafe information.si_signo
        return found != 0 || signal == SIGCHLD
    }

    func signal(_ number: CInt) { kill(-id, number) }

    /// Ends whatever is left of the group and forgets the program; its exit status, or 128 and the signal.
    func bury() -> Int32 {
        signal(SIGKILL)
        var status: CInt = 0
        while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    static func pipe() throws(Failure) -> (read: CInt, write: CInt) {
        var ends: [CInt] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw Failure(reason: unsafe String(cString: strerror(errno))) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
