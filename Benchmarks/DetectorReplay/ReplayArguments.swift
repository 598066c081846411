import Base
import Detectors

/// What the command line asks for.
struct ReplayArguments {
  let input: String
  let definitions: [DetectorDefinition]

  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  init(_ words: [String]) throws(Fault) {
    var input: String?
    var kinds: [StatisticalRule.Kind] = []
    var numbers: [String: Double] = [:]
    var rest = words[...]
    while let word = rest.popFirst() {
      guard let value = rest.popFirst() else {
        throw Fault(description: "\(word) needs a value")
      }
      switch word {
      case "--input": input = value
      case "--rule":
        guard let kind = StatisticalRule.Kind(rawValue: value) else {
          throw Fault(description: "--rule is spike, jump or shift, not \(value)")
        }
        kinds.append(kind)
      case "--every", "--half-life", "--fast-half-life", "--warm-up", "--refractory",
        "--false-alarm-every", "--min-change":
        guard let number = Double(value), number.isFinite, number >= 0 else {
          throw Fault(description: "\(word) needs a number from 0, not \(value)")
        }
        numbers[word] = number
      default: throw Fault(description: "unknown argument \(word)")
      }
    }
    guard let input, let every = numbers["--every"], every > 0 else {
      throw Fault(description: "--input and --every are needed")
    }
    self.input = input
    if kinds.isEmpty { kinds = StatisticalRule.Kind.allCases }
    definitions = kinds.map { kind in
      DetectorDefinition(
        name: kind.rawValue, metric: .all,
        rule: .statistical(
          Self.rule(kind, everyMicros: Self.micros(every), numbers)),
        openCountMax: 1_000_000)
    }
  }

  private static func micros(_ seconds: Double) -> Int64 { Int64(seconds * 1e6) }

  private static func rule(
    _ kind: StatisticalRule.Kind, everyMicros: Int64, _ numbers: [String: Double]
  ) -> StatisticalRule {
    let defaults = StatisticalRule.defaults(kind: kind, everyMicros: everyMicros)
    func span(_ word: String, _ fallback: Int64) -> Int64 {
      numbers[word].map(micros) ?? fallback
    }
    return StatisticalRule(
      kind: kind, everyMicros: everyMicros,
      halfLifeMicros: span("--half-life", defaults.halfLifeMicros),
      fastHalfLifeMicros: span("--fast-half-life", defaults.fastHalfLifeMicros),
      warmUpMicros: span("--warm-up", defaults.warmUpMicros),
      refractoryMicros: span("--refractory", defaults.refractoryMicros),
      falseAlarmEveryMicros: span("--false-alarm-every", defaults.falseAlarmEveryMicros),
      changeMin: numbers["--min-change"] ?? defaults.changeMin)
  }
}
