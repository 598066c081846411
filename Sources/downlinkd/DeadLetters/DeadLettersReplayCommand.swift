import ArgumentParser
import Base
import Glibc
import Pipeline

/// `downlinkd dead-letters replay`: brings dead letters back.
struct DeadLettersReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Decode dead letters again and bring back what can be read now.",
    discussion: """
      Decodes every letter that waits with the configuration as it is now. What it gives goes to \
      readings_<source> with 16 in the column flags, and to no window and no detector; the table \
      dead_letter_replays says what came back. Each letter comes back once, whatever happens: \
      it may be killed and started again, run twice at a time, and the pipeline may be running.

      Exit codes: 0 done, whatever is still dead, 64 wrong usage, or not confirmed, 69 it could \
      not go on (what came back before stays), 78 the configuration does not fit.
      """)

  @OptionGroup var choice: DeadLetterChoice

  @Flag(name: .long, help: "Decode and count, and write nothing.")
  var dryRun = false

  @Flag(name: .long, help: "Do not ask.")
  var yes = false

  @Flag(name: .long, help: "Print what it came to as JSON.")
  var json = false

  func run() throws {
    let report = try choice.withReplay(isDry: dryRun) { replay in
      if !dryRun && !yes { try ask() }
      return try choice.attempt("replay") {
        try replay.run(choice.filter, isDry: dryRun) { report in
          if dryRun || json { return }
          print("entry \(report.versions.last ?? 0): \(report.readingCount) readings so far")
          fflush(nil)
        }
      }
    }
    let text = ReplayText(report, isDry: dryRun)
    print(json ? text.json.text + "\n" : text.text, terminator: "")
  }

  /// Says what waits, and ends the program unless somebody says yes.
  private func ask() throws {
    let store = try choice.store()
    let count = try choice.attempt("replay") { try store.summary(choice.filter).total.pending }
    print("\(count) dead letters wait and will be decoded again")
    fflush(nil)
    guard isatty(STDIN_FILENO) == 1 else {
      complain("there is no terminal to ask at: give --yes; nothing was changed")
      throw ExitCode(EX_USAGE)
    }
    print("go ahead? [y/N] ", terminator: "")
    fflush(nil)
    guard ["y", "yes"].contains(readLine()?.lowercased()) else {
      complain("nothing was changed")
      throw ExitCode(EX_USAGE)
    }
  }
}

/// What a replay came to, for people and for programs.
struct ReplayText {
  private let report: ReplayReport
  private let isDry: Bool

  init(_ report: ReplayReport, isDry: Bool) {
    self.report = report
    self.isDry = isDry
  }

  private var stillDead: [(reason: String, letters: ReplayReport.StillDead)] {
    report.stillDead.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private var withoutSource: [(topic: String, count: Int64)] {
    report.withoutSource.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private var withoutSchema: [(id: Int32, count: Int64)] {
    report.withoutSchema.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  var text: String {
    var lines: [String] = []
    if isDry { lines.append("nothing was written; a replay would come to this:") }
    if report.letterCount == 0 { lines.append("no dead letter waits that a source reads") }
    if report.readCount > 0 {
      lines.append("\(report.readCount) letters came back with \(report.readingCount) readings")
    }
    if report.emptyCount > 0 {
      lines.append("\(report.emptyCount) are well-formed and hold no reading")
    }
    if report.newLetterCount > 0 {
      lines.append("\(report.newLetterCount) rows or metrics of them are unreadable: new letters")
    }
    for (reason, letters) in stillDead {
      lines.append("\(letters.count) are still dead: \(reason), such as \(letters.example)")
    }
    for (topic, count) in withoutSource {
      lines.append("\(count) are of topic \(topic), which no source reads now: left as they are")
    }
    for (id, count) in withoutSchema {
      lines.append(
        "\(count) wait for schema \(id), which the registry does not serve: left as they are")
    }
    if report.salvagedCount > 0 {
      lines.append(
        "\(report.salvagedCount) tell of metrics that could not be read; their rows are there")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  var json: JSONValue {
    let dead = stillDead.map { reason, letters in
      JSONValue.object([
        JSONMember("reason", .string(reason)), JSONMember("letters", .int(letters.count)),
        JSONMember("example", .string(letters.example)),
      ])
    }
    let topics = withoutSource.map { topic, count in
      JSONValue.object([JSONMember("topic", .string(topic)), JSONMember("letters", .int(count))])
    }
    let schemas = withoutSchema.map { id, count in
      JSONValue.object([
        JSONMember("schema", .int(Int64(id))), JSONMember("letters", .int(count)),
      ])
    }
    return [
      "dry_run": .bool(isDry),
      "letters": .int(report.letterCount),
      "read": .int(report.readCount),
      "empty": .int(report.emptyCount),
      "readings": .int(report.readingCount),
      "new_letters": .int(report.newLetterCount),
      "still_dead": .array(dead),
      "without_source": .array(topics),
      "without_schema": .array(schemas),
      "salvaged": .int(report.salvagedCount),
      "entries": .array(report.versions.map { .int($0) }),
      "conflicts": .int(report.conflictCount),
    ]
  }
}
