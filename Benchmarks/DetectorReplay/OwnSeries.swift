import Base
import Detectors
import Glibc

/// Replays 200 series of ten days by the minute: noise around a level that a few of them leave for
/// good on the eighth day.
func runOwnSeries() {
  let minute: Int64 = 60_000_000
  let (seriesCount, minuteCount, faultyCount) = (200, 14_400, 20)
  let start: Int64 = 1_700_000_040_000_000
  var state: UInt64 = 1
  /// A sum of uniform numbers: near enough to normal, and the same on every machine.
  func noise() -> Double {
    var sum = -6.0
    for _ in 0..<12 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      sum += Double(state >> 33) / Double(UInt32.max >> 1)
    }
    return sum
  }

  let definitions = StatisticalRule.Kind.allCases.map { kind in
    DetectorDefinition(
      name: kind.rawValue, metric: .all,
      rule: .statistical(.defaults(kind: kind, everyMicros: minute)), openCountMax: 1_000)
  }
  let tally = OwnTally(faultTime: start + 7 * 1_440 * minute, faultyCount: faultyCount)
  var replay = Replay(definitions: definitions) { tally.add($0) }
  let startNanos = threadNanos()
  for series in 0..<seriesCount {
    for index in 0..<minuteCount {
      let isFaulty = series < faultyCount && index >= 7 * 1_440
      replay.take(
        series: "series-\(series)", time: start + Int64(index) * minute,
        value: 20 + noise() + (isFaulty ? 4 : 0))
    }
  }
  replay.finish()
  let nanos = (threadNanos() - startNanos) / max(Int(replay.counts.bucketsJudged), 1)
  print(
    "\(nanos) ns a verdict, its readings included; \(replay.counts.bucketsJudged) verdicts,",
    "\(tally.foundSeries.count) of \(faultyCount) shifts found,",
    "\(tally.otherOpenings) other openings in \(seriesCount * minuteCount / 1_440) series-days,",
    "hash \(RandomID.hex(tally.hashValue))")
}

/// What became of the series of our own making.
final class OwnTally {
  private let faultTime: Int64
  private let faultyCount: Int
  private(set) var foundSeries: Set<String> = []
  private(set) var otherOpenings = 0
  private(set) var hashValue: UInt64 = 0

  init(faultTime: Int64, faultyCount: Int) {
    self.faultTime = faultTime
    self.faultyCount = faultyCount
  }

  func add(_ events: [ReplayEvent]) {
    for event in events {
      hashValue = XXHash64.hash(Array("\(hashValue) \(event.line)".utf8))
      if event.event.state != .opened { continue }
      let isFaulty = (0..<faultyCount).contains { event.series == "series-\($0)" }
      if isFaulty, event.event.eventTime >= faultTime {
        foundSeries.insert(event.series)
      } else {
        otherOpenings += 1
      }
    }
  }
}

/// Processor time of this thread: what other work on the machine takes does not count.
func threadNanos() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
