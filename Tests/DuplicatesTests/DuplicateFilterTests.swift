import Base
import Telemetry
import Testing

@testable import Duplicates

@Suite struct DuplicateFilterTests {
  /// Which of the records are duplicates.
  private func judge(_ rule: DuplicateRule, _ records: [Offered]) -> [Bool] {
    var filter = DuplicateFilter(rule)
    return records.map { filter.offer($0) }
  }

  @Test func `what a device sends again is a duplicate, what another sends is not`() {
    let verdicts = judge(
      .test(),
      [
        Offered(device: 1, sequence: 7, millis: 0), Offered(device: 2, sequence: 7, millis: 10),
        Offered(device: 1, sequence: 7, millis: 20), Offered(device: 1, sequence: 8, millis: 30),
        Offered(device: 2, sequence: 7, millis: 40), Offered(device: 1, sequence: 8, millis: 50),
      ])
    #expect(verdicts == [false, false, true, false, true, true])
  }

  @Test func `the first good one counts`() {
    let verdicts = judge(
      .test(),
      [
        Offered(millis: 0, isDead: true), Offered(millis: 10), Offered(millis: 20, isDead: true),
        Offered(millis: 30),
      ])
    #expect(verdicts == [false, false, false, true])
  }

  @Test func `within is to the millisecond, and counts from the one that counted`() {
    // Another device keeps the clock honest.
    func verdict(_ millis: Int64) -> Bool {
      judge(
        .test(withinMillis: 60_000),
        [
          Offered(device: 2, sequence: 0, millis: 0), Offered(millis: 0), Offered(millis: 30_000),
          Offered(millis: millis),
        ])[3]
    }
    #expect(verdict(60_000))
    #expect(!verdict(60_001))
  }

  @Test func `a record that comes again too late counts, and so do the ones after it`() {
    let verdicts = judge(
      .test(withinMillis: 60_000),
      [0, 61_000, 62_000, 121_000, 121_001].map { Offered(millis: $0) })
    #expect(verdicts == [false, false, true, true, false])
  }

  /// A sequence that begins again after a silence that the clock does not believe at once.
  @Test func `a jump that the clock holds makes no two records equal`() {
    let days: Int64 = 2 * 86_400_000
    let verdicts = judge(
      .test(withinMillis: 3_600_000),
      [
        Offered(sequence: 0, millis: 0), Offered(sequence: 1, millis: 1000),
        Offered(sequence: 0, millis: days), Offered(sequence: 1, millis: days + 1000),
        Offered(sequence: 1, millis: days + 2000), Offered(sequence: 0, millis: days + 3000),
      ])
    #expect(verdicts == [false, false, false, false, true, true])
  }

  /// One device that reports less often than `max_future_skew`: its clock lags behind for good.
  @Test func `resends are found where every report is a jump`() {
    let hour: Int64 = 3_600_000
    let records = (0..<20).flatMap { index -> [Offered] in
      let record = Offered(sequence: Int64(index), millis: Int64(index) * hour)
      var again = record
      again.millis = Int64(index) * hour + 300_000
      return [record, again]
    }
    let verdicts = judge(.test(withinMillis: hour), records)
    #expect(verdicts == (0..<40).map { $0 % 2 == 1 })
  }

  @Test func `a wrong first clock is forgotten with what it stamped`() {
    let century: Int64 = 36_500 * 86_400_000
    let verdicts = judge(
      .test(withinMillis: 60_000),
      [
        Offered(device: 1, sequence: 5, millis: century),
        Offered(device: 2, sequence: 1, millis: 0),
        // Remembered as of the moment at which the clock began again.
        Offered(device: 1, sequence: 5, millis: 1000),
        Offered(device: 1, sequence: 5, millis: 70_000),
      ])
    #expect(verdicts == [false, false, true, false])
  }

  @Test func `without timestamps what is remembered counts`() {
    let verdicts = judge(
      .test(),
      [Offered(millis: nil), Offered(millis: nil), Offered(sequence: 2, millis: nil)])
    #expect(verdicts == [false, true, false])
  }

  @Test func `what exceeds the bound goes early, oldest first, and is counted`() {
    var filter = DuplicateFilter(.test(records: 3))
    for sequence in Int64(0)..<5 {
      #expect(filter.offer(Offered(sequence: sequence, millis: 0)) == false)
    }
    #expect(filter.count == 3)
    #expect(filter.forgottenEarlyCount == 2)
    #expect(filter.offer(Offered(sequence: 4, millis: 1)) == true)
    #expect(filter.offer(Offered(sequence: 2, millis: 1)) == true)
    #expect(filter.offer(Offered(sequence: 0, millis: 1)) == false)
    #expect(filter.forgottenEarlyCount == 3)
  }

  @Test func `what is too old makes room by itself`() {
    var filter = DuplicateFilter(.test(withinMillis: 64_000, records: 200))
    for index in Int64(0)..<10_000 {
      #expect(filter.offer(Offered(device: 1, sequence: index, millis: index * 1000)) == false)
      // Those of the last 64 s, and the rest of one generation of 1 s.
      #expect(filter.count <= 66)
    }
    #expect(filter.forgottenEarlyCount == 0)
    // A jump that two devices confirm forgets all at once, but for the one that it came with.
    _ = filter.offer(Offered(device: 1, sequence: -1, millis: 90_000_000))
    _ = filter.offer(Offered(device: 2, sequence: -1, millis: 90_000_000))
    #expect(filter.count == 2)
  }

  /// Two ground stations hear one pass after the other; between passes nothing is heard.
  @Test func `the first records of a pass are remembered over the jump to it`() {
    var filter = DuplicateFilter(.test(withinMillis: 3_600_000))
    for pass in Int64(0)..<10 {
      let start = pass * 6_000_000
      var heard: [Offered] = []
      for index in Int64(0)..<6 {
        heard.append(
          Offered(device: UInt32(index % 3), sequence: pass * 2 + index / 3, millis: start + index))
      }
      let first = heard.map { filter.offer($0) }
      #expect(first == Array(repeating: false, count: 6), "pass \(pass)")
      let second = heard.map { record -> Bool in
        var again = record
        again.millis = start + 500
        return filter.offer(again)
      }
      #expect(second == Array(repeating: true, count: 6), "pass \(pass)")
    }
    // The jump to a pass forgets the one before.
    #expect(filter.count <= 12)
  }

  // MARK: - Against the plainest form

  /// A random stream: late and early stamps, resends soon and after long, silences, dead records.
  static func stream(seed: UInt64, count: Int, hasAppendTime: Bool) -> [Offered] {
    var random = SplitMix64(seed: seed)
    var records: [Offered] = []
    var millis: Int64 = 0
    for index in 0..<count {
      millis += Int64.random(in: 0..<400, using: &random)
      if random.oneIn(60) { millis += Int64.random(in: 0..<40_000, using: &random) }
      var record = Offered(
        device: UInt32.random(in: 0..<5, using: &random), sequence: Int64(index), millis: millis,
        hasAppendTime: hasAppendTime)
      if random.oneIn(3), let earlier = records.randomElement(using: &random) {
        (record.device, record.sequence) = (earlier.device, earlier.sequence)
      } else if random.oneIn(3), let earlier = records.suffix(20).randomElement(using: &random) {
        (record.device, record.sequence) = (earlier.device, earlier.sequence)
      }
      if random.oneIn(20) { record.millis = millis - Int64.random(in: 0..<90_000, using: &random) }
      if random.oneIn(50) { record.millis = nil }
      record.isDead = random.oneIn(15)
      records.append(record)
    }
    return records
  }

  @Test(arguments: [DuplicateRule.Key.sequence, .payload], [7, 50, 100_000])
  func `verdicts are those of a list that is searched`(by key: DuplicateRule.Key, records: Int) {
    for seed in (0..<20).map({ _ in UInt64.random(in: 0 ... .max) }) {
      let rule = DuplicateRule.test(by: key, withinMillis: 30_000, records: records)
      var filter = DuplicateFilter(rule)
      var reference = ReferenceFilter(rule)
      var duplicateCount = 0
      let stream = Self.stream(seed: seed, count: 3000, hasAppendTime: seed % 2 == 0)
      for (index, record) in stream.enumerated() {
        let verdict = filter.offer(record)
        #expect(verdict == reference.offer(record), "seed \(seed), record \(index)")
        if verdict { duplicateCount += 1 }
      }
      #expect(duplicateCount > 0, "seed \(seed)")
    }
  }

  // MARK: - Another rule

  @Test func `what is remembered outlives a change of the bounds`() {
    var filter = DuplicateFilter(.test(withinMillis: 60_000, records: 10))
    for sequence in Int64(0)..<10 {
      _ = filter.offer(Offered(sequence: sequence, millis: sequence * 5000))
    }
    filter.reconfigure(.test(withinMillis: 30_000, records: 4))
    #expect(filter.count == 4)
    #expect(filter.rule == .test(withinMillis: 30_000, records: 4))
    #expect(filter.offer(Offered(sequence: 6, millis: 45_000)) == true)
    #expect(filter.offer(Offered(sequence: 5, millis: 45_000)) == false)
    filter.reconfigure(.test(withinMillis: 120_000, records: 20))
    #expect(filter.offer(Offered(sequence: 7, millis: 100_000)) == true)
  }

  @Test func `another key has nothing to go by`() {
    var filter = DuplicateFilter(.test())
    _ = filter.offer(Offered(millis: 0))
    filter.reconfigure(.test(by: .payload))
    #expect(filter.count == 0)
    #expect(filter.offer(Offered(millis: 1)) == false)
    #expect(filter.offer(Offered(millis: 2)) == true)
  }

  @Test func `a full filter takes the bytes it says`() {
    for key in [DuplicateRule.Key.sequence, .payload] {
      let rule = DuplicateRule.test(by: key, withinMillis: 60_000, records: 4096)
      var filter = DuplicateFilter(rule)
      for sequence in Int64(0)..<5000 { _ = filter.offer(Offered(sequence: sequence, millis: 0)) }
      #expect(filter.count == 4096)
      #expect(filter.byteCount <= rule.byteCountMax + 8)
      #expect(rule.bytesPerRecord == (key == .sequence ? 22 : 26))
    }
  }
}
