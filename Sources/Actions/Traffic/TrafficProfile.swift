package import Behaviour
import Core
import Traffic
import Wire

/// The profile of recordings: one pass over files, through the observer into the fold.
package enum TrafficProfile {
    package static func of(
        _ files: [String]
    ) throws(RecordingFiles.Failure) -> (profile: Profile, count: RecordingFiles.Count) {
        var profiler = Profiler()
        var follower = SessionFollower()
        let count = try RecordingFiles.read(files) { record in
            profiler.observe(follower.observe(record), context: CallContext(record))
        }
        return (profiler.finish(), count)
    }
}
