extension Configuration {
  /// When dead letters of a source are a flood, which pauses it (`dead_letter_flood`).
  package struct DeadLetterFlood: Hashable, Sendable {
    /// Share of dead records, above 0 to 1.
    package let share: Double
    /// For how long it must stay at or above the share, microseconds.
    package let forMicros: Int64
    /// How often a paused source is tried again, microseconds.
    package let retryMicros: Int64

    static let standard = DeadLetterFlood(
      share: Default.floodShare, forMicros: Default.floodFor, retryMicros: Default.floodRetry)
  }
}

extension Default {
  /// A few broken producers among many are no misconfiguration, nine of ten records are.
  static let floodShare = 0.9
  static let floodFor: Int64 = 1 * minutes
  /// Long enough that what is tried in vain stays little, short enough that nobody has to wake up.
  static let floodRetry: Int64 = 5 * minutes
}

extension Allowed {
  static let floodFor: ClosedRange<Int64> = Default.seconds...Default.days
  static let floodRetry: ClosedRange<Int64> = Default.seconds...7 * Default.days
}

enum FloodKey: String, ConfigKey {
  case share
  case duration = "for"
  case retry
}

extension Section<SourceKey> {
  /// The rule of a source; nil where it is `none`.
  func deadLetterFlood() -> Configuration.DeadLetterFlood? {
    if case .scalar(let scalar)? = node(.deadLetterFlood)?.content, scalar.text == "none" {
      return nil
    }
    let standard = Configuration.DeadLetterFlood.standard
    let flood = section(.deadLetterFlood, FloodKey.self)
    return Configuration.DeadLetterFlood(
      share: flood.value(.share, default: standard.share, .share),
      forMicros: flood.value(
        .duration, default: standard.forMicros, .duration(in: Allowed.floodFor)),
      retryMicros: flood.value(
        .retry, default: standard.retryMicros, .duration(in: Allowed.floodRetry)))
  }
}

extension Format where Value == Double {
  /// `90%`, as a part of one.
  static var share: Format<Double> {
    let expected = "a share from 1% to 100%, in whole percent"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      guard scalar.text.hasSuffix("%"), let percent = Int(scalar.text.dropLast()),
        (1...100).contains(percent)
      else {
        throw ValueFault(
          "is not a share; expected \(expected)",
          suggestion: Double(scalar.text).flatMap(likelyPercent).map { "did you mean `\($0)%`?" })
      }
      return Double(percent) / 100
    }
  }

  /// `0.9` is a part of one, `90` a percentage without its sign; nil where it could be either.
  private static func likelyPercent(_ number: Double) -> Int? {
    let percent = number < 1 ? (number * 100).rounded() : number
    return number != 1 && (1...100).contains(percent) ? Int(percent) : nil
  }

  /// A share as `share` reads it.
  static func text(ofShare share: Double) -> String { "\(Int((share * 100).rounded()))%" }
}
