/// The rule where the configuration names nothing but a kind and `every`.
///
/// Spans are counted in buckets, so that a series looks the same to its judge whatever its pace.
/// docs/DETECTORS.md says on which data the numbers were chosen and what others gave.
extension StatisticalRule {
  /// A day of buckets of one minute: what is usual spans a day and a night.
  package static let halfLifeBuckets: Int64 = 1_440
  /// The half-life ends here, unless that would be less than `halfLifeBucketsMin`.
  package static let halfLifeMicrosMax: Int64 = 30 * 86_400 * 1_000_000
  package static let halfLifeBucketsMin: Int64 = 100
  /// Ten buckets average out what single ones do, and cost ten buckets of delay.
  package static let fastHalfLifeBuckets: Int64 = 10
  /// Warm-up as a share of the half-life: one in so many.
  package static let warmUpDivisor: Int64 = 4
  package static let refractoryBuckets: Int64 = 60
  /// Thirty days a series and detector, but no fewer buckets than one can tell a tail by.
  package static let falseAlarmEveryMicrosMin: Int64 = 30 * 86_400 * 1_000_000
  package static let falseAlarmEveryBucketsMin: Int64 = 300

  /// The defaults of a kind for buckets of `everyMicros` > 0. The kinds differ in what they
  /// compare, not in their spans.
  package static func defaults(kind: Kind, everyMicros: Int64) -> StatisticalRule {
    let longest = max(halfLifeMicrosMax, span(of: halfLifeBucketsMin, everyMicros))
    let halfLifeMicros = min(span(of: halfLifeBuckets, everyMicros), longest)
    return StatisticalRule(
      kind: kind, everyMicros: everyMicros, halfLifeMicros: halfLifeMicros,
      fastHalfLifeMicros: span(of: fastHalfLifeBuckets, everyMicros),
      warmUpMicros: halfLifeMicros / warmUpDivisor,
      refractoryMicros: span(of: refractoryBuckets, everyMicros),
      falseAlarmEveryMicros: max(
        falseAlarmEveryMicrosMin, span(of: falseAlarmEveryBucketsMin, everyMicros)),
      changeMin: 0)
  }

  private static func span(of buckets: Int64, _ everyMicros: Int64) -> Int64 {
    let (span, overflow) = everyMicros.multipliedReportingOverflow(by: buckets)
    return overflow ? .max : span
  }
}
