import Core

/// The values that the page's template names; every text in them is escaped by the template, none is markup.
struct ProgressPage {
    let content: [String: Any]

    init(_ snapshot: ProgressSnapshot) {
        let standing = Standing(snapshot)
        let sheet = Sheet(snapshot)
        let timeline = Timeline(snapshot)
        var content: [String: Any] = [
            "title": VisibleText.line(snapshot.title.isEmpty ? "Rollout" : snapshot.title, limit: 200),
            "taken": snapshot.taken.minute, "takenExact": snapshot.taken.description,
            "isRehearsal": snapshot.isRehearsal,
            "status": standing.status, "statusTone": standing.tone.rawValue, "statusSign": standing.tone.sign,
            "sentences": standing.sentences,
            "figures": standing.figures.map(Self.figure),
            "hasBlockers": !snapshot.blockers.isEmpty,
            "blockers": snapshot.blockers.prefix(Sheet.rowLimit).map { Self.blocker($0, at: snapshot.taken) },
            "hasUpcoming": !standing.upcoming.isEmpty,
            "upcoming": standing.upcoming.prefix(20).map { ["time": $0.time.minute, "text": $0.text] },
            "sections": sheet.sections.map(Self.section),
            "run": VisibleText.line(snapshot.run ?? "none"), "runState": VisibleText.line(snapshot.runState),
            "startedBy": VisibleText.line(snapshot.startedBy ?? "nobody"),
            "started": snapshot.started?.minute ?? "not started",
            "playbook": snapshot.playbookDigest?.description ?? "none",
        ]
        let omitted = snapshot.blockers.count - Sheet.rowLimit
        if omitted > 0 { content["blockersOmitted"] = omitted }
        if let timeline { content["timeline"] = Self.timeline(timeline) }
        self.content = content
    }

    private static func figure(_ figure: Standing.Figure) -> [String: Any] {
        [
            "name": figure.name, "part": figure.share.part, "whole": figure.share.whole,
            "percent": figure.share.percent.map { "\($0)%" } ?? "none yet", "remark": figure.remark,
            "tone": figure.tone.rawValue, "sign": figure.tone.sign,
        ]
    }

    private static func blocker(_ blocker: ProgressSnapshot.Blocker, at now: Timestamp) -> [String: Any] {
        var values: [String: Any] = [
            "instance": VisibleText.line(blocker.instance), "reason": VisibleText.line(blocker.reason),
            "waitingOn": VisibleText.line(blocker.waitingOn), "command": VisibleText.line(blocker.command, limit: 2000),
        ]
        if let since = blocker.since { values["since"] = "since \(since.minute), \((now - since).brief)" }
        return values
    }

    private static func section(_ section: Sheet.Section) -> [String: Any] {
        var values: [String: Any] = [
            "id": section.id, "title": section.title, "summary": section.summary, "hasRows": !section.rows.isEmpty,
            "columns": section.columns.map { ["name": $0.name, "class": $0.isNumber ? "number" : "text"] },
            "rows": section.rows.map { cells in
                [
                    "cells": cells.enumerated().map { position, cell in
                        Self.cell(cell, isFirst: position == 0, isNumber: section.columns[position].isNumber)
                    }
                ]
            },
        ]
        if section.omitted > 0 { values["omitted"] = section.omitted }
        return values
    }

    private static func cell(_ cell: Sheet.Cell, isFirst: Bool, isNumber: Bool) -> [String: Any] {
        var values: [String: Any] = [
            "text": cell.text, "isHead": isFirst, "class": isNumber ? "number" : "text", "isCode": cell.isCode,
            "details": cell.details.map { ["detail": $0, "isWhole": isWhole($0)] as [String: Any] },
            "isWhole": isWhole(cell.text), "isTime": cell.isTime,
        ]
        if let tone = cell.tone { values["tone"] = ["name": tone.rawValue, "sign": tone.sign] }
        if let percent = cell.share?.percent { values["bar"] = ["percent": percent] }
        return values
    }

    /// A short word looks better whole; a long one must be able to break, or it would push a column off the paper.
    private static func isWhole(_ text: String) -> Bool {
        let count = text.utf8.count
        return count <= 11 || count <= 22 && (!text.utf8.contains(UInt8(ascii: " ")) || Tone.isPhrase(text))
    }

    private static func timeline(_ timeline: Timeline) -> [String: Any] {
        func bar(_ bar: Timeline.Bar?) -> Any? {
            bar.map {
                ["start": $0.start, "length": $0.length, "kind": $0.isOpen ? "open" : "closed"] as [String: Any]
            }
        }
        return [
            "scale": Timeline.scale, "now": timeline.now,
            "rows": timeline.rows.map { row in
                let tone = Tone(state: row.phase.status)
                var values: [String: Any] = [
                    "number": row.phase.number, "name": VisibleText.line(row.phase.name, limit: 120),
                    "status": VisibleText.line(row.phase.status, limit: 60), "tone": tone.rawValue, "sign": tone.sign,
                ]
                values["plan"] = bar(row.plan)
                values["actual"] = bar(row.actual)
                return values
            },
            "ticks": timeline.ticks.map { ["label": $0.label] },
        ]
    }
}
