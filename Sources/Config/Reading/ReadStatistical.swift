/// The keys that the statistical rules share. Durations, but for `min_change`.
protocol StatisticalKey: ConfigKey {
  static var every: Self { get }
  static var halfLife: Self { get }
  static var warmUp: Self { get }
  static var refractory: Self { get }
  static var falseAlarmEvery: Self { get }
  static var minChange: Self { get }
}

/// Of `spike` and `jump`.
enum BucketKey: String, StatisticalKey {
  case every
  case halfLife = "half_life"
  case warmUp = "warm_up"
  case refractory
  case falseAlarmEvery = "false_alarm_every"
  case minChange = "min_change"
}

/// Of `shift`, which has two means.
enum ShiftKey: String, StatisticalKey {
  case every
  case halfLife = "half_life"
  case fastHalfLife = "fast_half_life"
  case warmUp = "warm_up"
  case refractory
  case falseAlarmEvery = "false_alarm_every"
  case minChange = "min_change"
}

extension Configuration.Statistical {
  /// - Parameter fastHalfLife: The key of the fast mean's half-life; nil where there is none.
  init<Key: StatisticalKey>(_ kind: Kind, _ section: Section<Key>, fastHalfLife: Key? = nil) {
    self.kind = kind
    everyMicros = section.value(.every, default: Default.every, .duration(in: Allowed.every))
    let halfLife = Format<Int64>.duration(in: Allowed.halfLife)
    halfLifeMicros = section.optional(.halfLife, halfLife)
    fastHalfLifeMicros = fastHalfLife.flatMap { section.optional($0, halfLife) }
    warmUpMicros = section.optional(.warmUp, .duration(in: Allowed.warmUp))
    refractoryMicros = section.optional(.refractory, .duration(in: Allowed.refractory))
    falseAlarmEveryMicros = section.optional(
      .falseAlarmEvery, .duration(in: Allowed.falseAlarmEvery))
    changeMin = section.value(.minChange, default: 0, .numberFromZero)
    // Nothing can be compared with a faulty `every`.
    guard !section.reading.isFaulty(section.path(of: .every)) else { return }
    for conflict in conflicts(asWritten: self) {
      section.reading.report(
        section.path + "." + conflict.key, conflict.message, suggestion: conflict.suggestion)
    }
  }
}
