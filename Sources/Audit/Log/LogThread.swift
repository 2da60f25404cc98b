import Glibc

/// A thread of the system for work that waits on a disk.
///
/// The pool of Swift's tasks has as many threads as there are cores: an fsync on one of them would hold everybody else.
enum LogThread {
    /// Begins a thread that ends when the work does; nobody joins it.
    static func start(_ work: @escaping @Sendable () -> Void) throws(AuditError) {
        // A C function pointer captures nothing: the work travels as the thread's argument.
        let box = unsafe Unmanaged.passRetained(Work(work))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            box.toOpaque()
        )
        guard code == 0 else {
            unsafe box.release()
            throw AuditError(.unusable, "the system gives the audit log no thread")
        }
        pthread_detach(thread)
    }

    private final class Work: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

/// Wakes the thread that waits for it; rung before anybody waits, it is not lost.
///
/// `@safe` and unchecked: the pointers are allocated in `init`, freed in `deinit` and given to calls alone that POSIX
/// allows from any thread; `isRung` is touched under the mutex only.
@safe
final class LogBell: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var isRung = false

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        // A wall clock that is set back would hold a batch for as long.
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func ring() {
        unsafe pthread_mutex_lock(mutex)
        isRung = true
        unsafe pthread_cond_signal(condition)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Waits until it is rung, or for so long where a time is given; the ring is used up by it.
    func wait(for time: Duration? = nil) {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        if let time {
            var end = Self.now(plus: time)
            while !isRung, unsafe pthread_cond_timedwait(condition, mutex, &end) == 0 {}
        } else {
            while !isRung { unsafe pthread_cond_wait(condition, mutex) }
        }
        isRung = false
    }

    private static func now(plus time: Duration) -> timespec {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        let parts = max(time, .zero).components
        now.tv_sec += Int(parts.seconds)
        now.tv_nsec += Int(parts.attoseconds / 1_000_000_000)
        if now.tv_nsec >= 1_000_000_000 {
            now.tv_sec += 1
            now.tv_nsec -= 1_000_000_000
        }
        return now
    }
}
