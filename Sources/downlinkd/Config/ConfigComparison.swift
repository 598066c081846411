import Base
import Config

/// The differences of two configurations as people and programs read them.
struct ConfigComparison {
  /// What the whole change takes: the most that one of its parts does.
  enum Verdict: String {
    case same, live, restart, refused

    var exitCode: Int32 {
      switch self {
      case .same, .live: 0
      case .restart: Exit.incomplete
      case .refused: Exit.configuration
      }
    }

    var sentence: String {
      switch self {
      case .same: "nothing differs"
      case .live: "a reload takes it over: SIGHUP, or systemctl reload"
      case .restart: "it needs a restart; a reload is refused whole, and changes nothing"
      case .refused: "it is refused: state and tables cannot go on with it"
      }
    }
  }

  let differences: [ConfigurationChange.Difference]
  /// What tables and state say against it.
  let obstacles: [String]

  init(_ change: ConfigurationChange, obstacles: [String]) {
    differences = change.live + change.refused
    self.obstacles = obstacles
  }

  var verdict: Verdict {
    let effects = differences.map(\.effect)
    if effects.contains(.otherState) || !obstacles.isEmpty { return .refused }
    if effects.contains(.restart) { return .restart }
    return effects.isEmpty ? .same : .live
  }

  /// A line each, then the verdict.
  var text: String {
    var lines = differences.map { difference in
      let word = Self.word(difference.effect)
      return word + String(repeating: " ", count: 10 - word.count) + difference.description
    }
    lines += obstacles.map { "refused   \($0)" }
    return (lines + [verdict.sentence]).joined(separator: "\n") + "\n"
  }

  var json: JSONValue {
    [
      "verdict": .string(verdict.rawValue),
      "exit_code": .int(verdict.exitCode),
      "differences": .array(
        differences.map { difference in
          [
            "key": .string(difference.keyPath),
            "old": .optional(difference.old),
            "new": .optional(difference.new),
            "effect": .string(Self.word(difference.effect)),
          ]
        }),
      "obstacles": .array(obstacles.map { .string($0) }),
    ]
  }

  static func word(_ effect: ConfigurationChange.Effect) -> String {
    switch effect {
    case .live: "live"
    case .reopen: "session"
    case .restart: "restart"
    case .otherState: "refused"
    }
  }
}
