import Core

/// The steps that are left over time, beside a plan that does them evenly, and when the last one is done at this pace.
///
/// Counts work that is known: the steps of a phase are known when it begins. Counts work, not containers: a step that runs another playbook counts by that playbook's own steps. The forecast is a
/// straight line through what was done so far. It knows nothing of gates that people hold up, and says so.
struct BurnDown {
    struct Point: Equatable {
        var time: Timestamp
        /// Nothing after now.
        var left: Int?
        /// Nothing where there is no plan.
        var planned: Int?
    }

    let points: [Point]
    let total: Int
    let done: Int
    /// Nothing before the first step is done, and when none is left.
    let forecast: Timestamp?
    let plannedEnd: Timestamp?
    private let taken: Timestamp

    /// How many lines of time the table has, beside the one of now.
    private static let lines = 8
    private static let over: Set<String> = ["succeeded", "skipped"]

    /// Nothing when no step is planned or the run has not started.
    init?(_ snapshot: ProgressSnapshot) {
        let steps = snapshot.steps.filter { $0.kind != "playbook" }
        guard let start = snapshot.started, !steps.isEmpty, start <= snapshot.taken else { return nil }
        let ends = steps.filter { Self.over.contains($0.state) }.map { $0.ended ?? $0.started ?? start }
        total = steps.count
        done = ends.count
        taken = snapshot.taken
        let end = snapshot.phases.filter { $0.status != "not in this version" }.compactMap(\.plannedEnd).max()
        plannedEnd = end.flatMap { $0 > start ? $0 : nil }
        let all = total
        let used = Double((snapshot.taken - start).microseconds)
        if !ends.isEmpty, ends.count < all {
            let rest = used / Double(ends.count) * Double(all - ends.count)
            forecast = rest < 3e15 ? snapshot.taken + .microseconds(Int64(rest)) : nil
        } else {
            forecast = nil
        }
        let last = max(plannedEnd ?? snapshot.taken, snapshot.taken)
        let span = Double((last - start).microseconds)
        var times = (0...Self.lines).map { start + .microseconds(Int64(span / Double(Self.lines) * Double($0))) }
        times.append(snapshot.taken)
        let until = plannedEnd
        let now = snapshot.taken
        var seen: Set<Timestamp> = []
        points = times.sorted().filter { seen.insert($0).inserted }.map { time in
            let planned = until.map { until in
                let share = min(1, Double((time - start).microseconds) / Double((until - start).microseconds))
                return Int((Double(all) * (1 - share)).rounded(.up))
            }
            return Point(time: time, left: time <= now ? all - ends.count { $0 <= time } : nil, planned: planned)
        }
    }

    var summary: String {
        let left = total - done
        var text = "\(done) of \(total) known steps done, \(left) left"
        guard left > 0 else { return text + "." }
        guard let forecast else { return text + "; nothing is done yet that a forecast could rest on." }
        text += "; at the pace so far the last one is done \(forecast.minute)"
        if let plannedEnd {
            let slack = plannedEnd - forecast
            text +=
                slack < .zero ? ", \((.zero - slack).brief) after its plan" : ", \(slack.brief) before its planned end"
        }
        return text + ". Steps that people hold up make it later."
    }
}

extension ProgressSnapshot.Approval {
    /// The distinct people whose newest vote is an approval: a person who votes twice is one person.
    var approvals: Int {
        var latest: [String: String] = [:]
        for vote in votes { latest[vote.person] = vote.verdict }
        return latest.values.count { $0 == "approve" }
    }
}
