package import Behaviour
import CLinux
import Core
import Traffic
import Wire

/// The profile of recordings: one pass over files, through the observer into the fold.
package enum TrafficProfile {
    package static func of(
        _ files: [String],
        hash: KeyedHash = .unkeyed
    ) throws(RecordingFiles.Failure) -> (profile: Profile, count: RecordingFiles.Count) {
        var profiler = Profiler(hash: hash)
        let count = try follow(files, &profiler)
        let profile = profiler.finish()
        // What the sessions were followed with is free now, and writing the profile down needs as much again.
        _ = malloc_trim(0)
        return (profile, count)
    }

    private static func follow(
        _ files: [String],
        _ profiler: inout Profiler
    ) throws(RecordingFiles.Failure) -> RecordingFiles.Count {
        var follower = SessionFollower()
        return try RecordingFiles.read(files) { record in
            profiler.observe(follower.observe(record), context: CallContext(record))
        }
    }
}

extension KeyedHash {
    /// The hash under a workspace's key, so that nobody who writes recordings can choose what falls into a sample.
    ///
    /// - Parameter digest: As `Estate.secretDigest`: 128 bits in hexadecimal after the last colon.
    package init(digest: (String) -> String) {
        let digits = digest("profile sample").utf8.suffix(32)
        var words: [UInt64] = [0, 0]
        for (index, digit) in digits.enumerated() {
            let value = UInt64(hexDigit(digit))
            words[index / 16] = words[index / 16] << 4 | value
        }
        self.init(words[0], words[1])
    }
}

private func hexDigit(_ byte: UInt8) -> UInt8 { byte >= 0x61 ? byte &- 0x61 &+ 10 : byte &- 0x30 }
