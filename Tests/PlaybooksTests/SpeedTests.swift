import Core
import Foundation
import Growth
import Playbooks
import Testing

/// How the work grows, as a ratio within one run: nothing here depends on how fast the machine is.
struct SpeedTests {
    private func playbook(_ count: Int) -> [UInt8] {
        var text = GeneratedCases.head
        for number in 0..<count {
            switch number % 4 {
            case 0: text += "  - {id: s\(number), uses: discovery.configurations}\n"
            case 1:
                text +=
                    "  - {id: s\(number), uses: inventory.snapshot, if: 'steps.s\(number - 1).outputs.count > 0', with: {name: \"week ${{ run.id }}\"}}\n"
            case 2:
                text +=
                    "  - {id: s\(number), gate: {every: 1h, within: 3d, metrics: {unowned: {source: inventory.unowned}}, pass: 'metrics.unowned.last == 0 && steps.s\(number - 1).outputs.server_count > 0'}}\n"
            default: text += "  - {id: s\(number), approval: {approvers: [group:a], min: 1, expires: 5d}}\n"
            }
        }
        return Array(text.utf8)
    }

    @Test(.timeLimit(.minutes(10))) func tenTimesTheStepsTakeAboutTenTimesTheWork() {
        // Quadratic work would be a hundred times as much.
        let growth = Growth.ratio(small: 1_000, large: 10_000, enough: 20) { count in
            let checked = CaseFile.checker.check(file: "made.yaml", bytes: playbook(count))
            #expect(checked.diagnostics.prefix(2).map(\.line) == [])
        }
        #expect(growth < 40)
    }
}
