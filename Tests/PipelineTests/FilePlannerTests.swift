import Base
import Parquet
import Telemetry
import Testing

@testable import Pipeline

@Suite struct FilePlannerTests {
  private func words(_ texts: [String]) -> WordTable { WordTable(words: texts) }

  private func part(
    _ devices: [UInt32], _ times: [Int64], days: [Int32]? = nil, _ texts: [String]
  ) -> PlannerPart {
    PlannerPart(
      devices: devices, times: times, days: days ?? devices.map { _ in 0 }, words: words(texts))
  }

  /// `part.row` of every row of a plan.
  private func rows(_ plan: FilePlan) -> [String] {
    var rows: [String] = []
    plan.forEachRun(in: 0..<plan.rowCount) { run in
      for row in plan.rows[run.range] { rows.append("\(run.part).\(row)") }
    }
    return rows
  }

  @Test func `rows are sorted by device and time, equal times stay in order`() {
    let planner = FilePlanner([part([1, 0, 1, 0, 1], [30, 20, 10, 20, 30], ["b", "a"])])
    // "a" is device 1.
    #expect(planner.plans.map(rows) == [["0.2", "0.0", "0.4", "0.1", "0.3"]])
    let dictionary = planner.deviceDictionary([part([], [], ["b", "a"])])
    #expect(String(decoding: dictionary.bytes, as: UTF8.self) == "ab")
  }

  @Test func `each date is a file, oldest first`() {
    let planner = FilePlanner([part([0, 0, 0], [1, 2, 3], days: [7, -3, 7], ["a"])])
    #expect(planner.plans.map(\.day) == [-3, 7])
    #expect(planner.plans.map(rows) == [["0.1"], ["0.0", "0.2"]])
  }

  @Test func `parts are merged by the bytes of the device, not its index`() {
    let planner = FilePlanner([
      part([0, 1], [5, 5], ["b", "a"]), part([0, 1], [1, 1], ["a", "c"]),
    ])
    #expect(planner.plans.map(rows) == [["0.1", "1.0", "0.0", "1.1"]])
  }

  @Test func `rows without a device come first, part by part`() {
    let none = WordTable.none
    let planner = FilePlanner([part([none, 0], [9, 1], ["a"]), part([none, none], [3, 2], [])])
    #expect(planner.plans.map(rows) == [["0.0", "1.1", "1.0", "0.1"]])
  }

  @Test func `nothing planned from nothing`() {
    #expect(FilePlanner([]).plans.isEmpty)
    #expect(FilePlanner([part([], [], ["a"])]).plans.isEmpty)
  }

  @Test func `runs of a range are cut to it`() {
    let planner = FilePlanner([part([0, 0, 0, 1, 1], [1, 2, 3, 4, 5], ["a", "b"])])
    let plan = planner.plans[0]
    var found: [Range<Int>] = []
    plan.forEachRun(in: 1..<4) { found.append($0.range) }
    #expect(found == [1..<3, 3..<4])
    found = []
    plan.forEachRun(in: 3..<3) { found.append($0.range) }
    #expect(found.isEmpty)
    #expect(plan.gatherRuns(2..<5) { $0.rank } == [0, 1, 1])
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `random rows come out once each, in order`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let parts = (0..<3).map { _ in
      let texts = (0..<8).map { "d\($0 * 37 % 11)" }
      let count = Int.random(in: 0..<200, using: &random)
      let devices = (0..<count).map { _ in UInt32.random(in: 0..<8, using: &random) }
      return PlannerPart(
        devices: devices, times: devices.map { _ in Int64.random(in: 0..<50, using: &random) },
        days: devices.map { _ in Int32.random(in: 0..<3, using: &random) }, words: words(texts))
    }
    let planner = FilePlanner(parts)
    var seen: Set<String> = []
    for plan in planner.plans {
      var last = ""
      plan.forEachRun(in: 0..<plan.rowCount) { run in
        for row in plan.rows[run.range] {
          let part = parts[run.part]
          #expect(part.days[Int(row)] == plan.day, "seed \(seed)")
          let device = part.words.text(of: part.devices[Int(row)])
          let key = "\(device) \(run.part) \(100 + part.times[Int(row)]) \(10_000 + row)"
          #expect(last < key, "seed \(seed): \(last) before \(key)")
          last = key
          #expect(seen.insert("\(run.part).\(row)").inserted, "seed \(seed)")
        }
      }
    }
    #expect(seen.count == parts.reduce(0) { $0 + $1.devices.count }, "seed \(seed)")
  }

  @Test func `absent rows are zero bits, and no bitmap without them`() {
    var validity = ValidityBuilder(rowCount: 70)
    #expect(validity.bitmap == nil)
    validity.setAbsent(0)
    validity.setAbsent(65)
    #expect(validity.bitmap == [UInt64.max - 1, UInt64.max - 2])
  }

  @Test func `words of several parts become one dictionary without repetitions`() {
    let merged = MergedWords([words(["eu", "us"]), words([]), words(["us", "ap", "eu"])])
    #expect(merged.dictionary.count == 3)
    var indexes: [UInt32] = [1, 2, 0, WordTable.none]
    merged.translate(&indexes, in: 1..<4, part: 2)
    #expect(indexes == [1, 0, 1, WordTable.none])
    #expect(String(decoding: merged.dictionary.bytes, as: UTF8.self) == "euusap")
  }

  @Test func `open dates are counted once each`() {
    var dates = OpenDates()
    let day = Timestamp.microsPerDay
    dates.add([0, 1, day, day - 1, -1], from: 0)
    #expect(dates.count == 3)
    dates.add([0, 5 * day], from: 1)
    #expect(dates.count == 4)
    dates.add([9 * day], from: 1)
    #expect(dates.count == 4)
    dates.removeAll()
    dates.add([-1], from: 0)
    #expect(dates.count == 1)
  }
}
