import Base
import Config

/// One thing that a check has looked at, and what it found.
struct CheckFinding: Equatable, Sendable {
  enum Level: String, Sendable { case ok, warning, fault }

  /// Who has to do something about a fault.
  enum Cause: String, Sendable {
    /// Something else does not answer, or denies: later, or elsewhere, it may work.
    case outside
    /// The configuration does not fit: starting again cannot help.
    case configuration
  }

  let level: Level
  /// The key that it is about: `kafka.brokers`, `sources[0].topics`.
  let place: String
  /// One sentence without a full stop.
  let sentence: String
  /// What to do; nil where there is nothing to be done.
  var advice: String?
  var cause: Cause = .configuration

  static func ok(_ place: String, _ sentence: String) -> CheckFinding {
    CheckFinding(level: .ok, place: place, sentence: sentence)
  }

  static func warning(_ place: String, _ sentence: String, advice: String? = nil) -> CheckFinding {
    CheckFinding(level: .warning, place: place, sentence: sentence, advice: advice)
  }

  static func fault(
    _ place: String, _ cause: Cause, _ sentence: String, advice: String?
  ) -> CheckFinding {
    CheckFinding(level: .fault, place: place, sentence: sentence, advice: advice, cause: cause)
  }

  init(
    level: Level, place: String, sentence: String, advice: String? = nil,
    cause: Cause = .configuration
  ) {
    self.level = level
    self.place = place
    self.sentence = sentence
    self.advice = advice
    self.cause = cause
  }

  init(_ fault: ConfigFault) {
    let line = fault.position == .wholeFile ? "" : "line \(fault.position.line): "
    self.init(
      level: .fault, place: fault.keyPath, sentence: line + fault.message,
      advice: fault.suggestion)
  }
}

/// All findings of one check, in the order in which they were made.
struct CheckReport: Sendable {
  let file: String
  let findings: [CheckFinding]

  private func count(_ level: CheckFinding.Level) -> Int { findings.count { $0.level == level } }

  /// 78 where the configuration does not fit, else 69 where something outside does not answer or
  /// denies, else 0. Warnings are none.
  var exitCode: Int32 {
    let causes = findings.filter { $0.level == .fault }.map(\.cause)
    if causes.contains(.configuration) { return Exit.configuration }
    return causes.isEmpty ? 0 : Exit.unavailable
  }

  /// A line each, what to do below it, and how many there are.
  var text: String {
    var text = ""
    for finding in findings {
      let level = finding.level.rawValue
      text += level + String(repeating: " ", count: 9 - level.count)
      text += (finding.place.isEmpty ? "" : finding.place + ": ") + finding.sentence + "\n"
      if let advice = finding.advice { text += "         → \(advice)\n" }
    }
    let levels: [CheckFinding.Level] = [.fault, .warning]
    let parts = levels.filter { count($0) > 0 }.map { level in
      "\(count(level)) \(level.rawValue)\(count(level) == 1 ? "" : "s")"
    }
    return text + (parts.isEmpty ? "all is well" : parts.joined(separator: ", ")) + "\n"
  }

  /// For programs: the findings with their levels, and what the exit code will be.
  var json: JSONValue {
    [
      "config": .string(file),
      "exit_code": .int(exitCode),
      "faults": .int(count(.fault)),
      "warnings": .int(count(.warning)),
      "findings": .array(
        findings.map { finding in
          [
            "level": .string(finding.level.rawValue),
            "key": .string(finding.place),
            "text": .string(finding.sentence),
            "advice": .optional(finding.advice),
            "cause": finding.level == .fault ? .string(finding.cause.rawValue) : .null,
          ]
        }),
    ]
  }
}
