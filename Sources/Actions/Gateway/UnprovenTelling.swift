import Gateway

extension Unproven {
    /// Says why requests prove nobody: a cause when it is new, and then once a minute where it goes on.
    func tell(_ talk: @Sendable (String) -> Void) async {
        var told: [Cause: (number: Int, at: ContinuousClock.Instant)] = [:]
        while !Task.isCancelled {
            let now = ContinuousClock.now
            for count in all {
                let last = told[count.cause]
                guard count.number > last?.number ?? 0, last.map({ now - $0.at > .seconds(60) }) ?? true else {
                    continue
                }
                let new = count.number - (last?.number ?? 0)
                let requests = new == 1 ? "a request" : "\(new) requests"
                talk("\(requests) proved nobody: \(count.cause.message) [\(count.cause.code)]")
                told[count.cause] = (count.number, now)
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
