import Glibc

/// Watches over what a launched program starts, and ends all of it.
actor Guardian {
    private let limits: Launch.Limits
    private var tree: ProcessTree
    /// The limit that was passed, in words; everything has been ended then.
    private(set) var excess: String?

    init(root: pid_t, mark: String, limits: Launch.Limits) {
        tree = ProcessTree(root: root, mark: mark)
        self.limits = limits
    }

    /// Looks at the tree again and again until it is cancelled or a limit is passed; says whether one was.
    func watch() async -> Bool {
        while !Task.isCancelled {
            let (living, load) = tree.look(atEnvironments: false)
            if load.count > limits.processes {
                excess = "it started more than \(limits.processes) processes"
            } else if load.residentBytes > limits.memoryBytes {
                excess = "it used more than \(limits.memoryBytes >> 20) MiB of memory"
            }
            if excess != nil {
                for member in living { ProcessTree.send(SIGKILL, to: member) }
                return true
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// Ends the program and everything that it started.
    ///
    /// Its input is closed already, which is how the specification says that a conversation ends; then it is asked, and
    /// then it is made to. Says what could not be ended, and nothing where nobody lives.
    func end() async -> [String] {
        if await isGone(within: limits.grace) { return [] }
        for member in tree.look(atEnvironments: true).living { ProcessTree.send(SIGTERM, to: member) }
        if await isGone(within: limits.grace) { return [] }
        for _ in 0..<200 {
            var living = tree.look(atEnvironments: true).living
            guard !living.isEmpty else { return [] }
            // Stopped first, so that nobody starts another while its neighbour dies.
            for _ in 0..<20 {
                for member in living { ProcessTree.send(SIGSTOP, to: member) }
                let again = tree.look(atEnvironments: true).living
                if again == living { break }
                living = again
            }
            for member in living { ProcessTree.send(SIGKILL, to: member) }
            await pause(.milliseconds(5))
        }
        let left = tree.look(atEnvironments: true).living.count
        return left == 0 ? [] : ["\(left) processes that it started could not be ended"]
    }

    private func isGone(within time: Duration) async -> Bool {
        let deadline = ContinuousClock.now + time
        var wait = Duration.milliseconds(2)
        repeat {
            if tree.look(atEnvironments: false).living.isEmpty, tree.look(atEnvironments: true).living.isEmpty {
                return true
            }
            await pause(wait)
            wait = min(wait * 2, .milliseconds(40))
        } while .now < deadline
        return false
    }

    /// Sleeps also in a cancelled task: whoever gives up must still not leave anybody behind.
    private func pause(_ time: Duration) async {
        await Task { try? await Task.sleep(for: time) }.value
    }
}
