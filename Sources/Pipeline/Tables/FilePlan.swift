import Base
import Telemetry

/// One data file to be: which rows go into it, in which order.
///
/// Rows are sorted by (device_id, time): a reader that wants one device skips nearly all pages,
/// and neighbours that resemble each other compress well. Runs keep the rows of one device of one
/// part together, so that gathering looks up its source once a run, not once a row.
struct FilePlan {
  /// Rows `range` of the plan are of one device of one part.
  struct Run {
    var part: Int
    /// Place of the device's id among all ids of the commit in byte order.
    var rank: UInt32
    var range: Range<Int>
  }

  /// The date of the file: days since 1970-01-01.
  let day: Int32
  /// Row numbers within their parts.
  fileprivate(set) var rows: [UInt32] = []
  fileprivate(set) var runs: [Run] = []

  var rowCount: Int { rows.count }

  /// Calls `body` with every run of `range`, cut to it, in order.
  func forEachRun(in range: Range<Int>, _ body: (Run) -> Void) {
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      let isBefore = runs[middle].range.upperBound <= range.lowerBound
      if isBefore { low = middle + 1 } else { high = middle }
    }
    while low < runs.count, runs[low].range.lowerBound < range.upperBound {
      var run = runs[low]
      run.range = run.range.clamped(to: range)
      body(run)
      low += 1
    }
  }

  /// One value a run of `range`, repeated over its rows.
  func gatherRuns<Value>(_ range: Range<Int>, _ value: (Run) -> Value) -> [Value] {
    var result: [Value] = []
    result.reserveCapacity(range.count)
    forEachRun(in: range) { run in
      let repeated = value(run)
      for _ in run.range { result.append(repeated) }
    }
    return result
  }

  fileprivate mutating func append(row: UInt32, part: Int, rank: UInt32) {
    if let last = runs.indices.last, runs[last].part == part, runs[last].rank == rank {
      runs[last].range = runs[last].range.lowerBound..<rows.count + 1
    } else {
      runs.append(Run(part: part, rank: rank, range: rows.count..<rows.count + 1))
    }
    rows.append(row)
  }
}

/// The rows of one partition's output that a table takes, as the planner needs them.
struct PlannerPart {
  /// Device index of every row; rows of `WordTable.none` have no device and sort first.
  var devices: [UInt32]
  /// Sort key within a device, microseconds.
  var times: [Int64]
  /// The date each row is filed under.
  var days: [Int32]
  /// What the device indexes stand for.
  var words: WordTable
}

/// Sorts rows into files: a counting sort by device, then by time where a device's rows are not in
/// order already, then apart by date.
///
/// Cost: O(rows + devices·log devices), one pass over the rows but for devices out of order.
struct FilePlanner {
  /// Device ids in byte order, over all parts; `Run.rank` counts them.
  private(set) var devices: [(part: Int, index: UInt32)] = []
  private(set) var plans: [FilePlan] = []

  init(_ parts: [PlannerPart]) {
    var buckets: [Buckets] = []
    for part in parts { buckets.append(Buckets(part)) }
    devices = Self.devicesInOrder(parts, buckets)
    var planIndexes: [Int32: Int] = [:]
    var lastDay: Int32 = .min
    var lastPlan = -1
    for (rank, device) in devices.enumerated() {
      let part = parts[device.part]
      for row in buckets[device.part].rows(of: device.index) {
        let day = part.days[Int(row)]
        if day != lastDay || lastPlan < 0 {
          lastDay = day
          if let known = planIndexes[day] {
            lastPlan = known
          } else {
            lastPlan = plans.count
            planIndexes[day] = lastPlan
            plans.append(FilePlan(day: day))
          }
        }
        plans[lastPlan].append(row: row, part: device.part, rank: UInt32(rank))
      }
    }
    plans.sort { $0.day < $1.day }
  }

  private static func devicesInOrder(
    _ parts: [PlannerPart], _ buckets: [Buckets]
  ) -> [(part: Int, index: UInt32)] {
    var devices: [(part: Int, index: UInt32)] = []
    for (part, bucket) in buckets.enumerated() {
      for index in bucket.usedDevices { devices.append((part, index)) }
    }
    func bytes(_ device: (part: Int, index: UInt32)) -> ArraySlice<UInt8> {
      device.index == WordTable.none ? [] : parts[device.part].words.bytes(of: device.index)
    }
    devices.sort { left, right in
      let leftBytes = bytes(left)
      let rightBytes = bytes(right)
      if leftBytes.elementsEqual(rightBytes) { return left.part < right.part }
      return leftBytes.lexicographicallyPrecedes(rightBytes)
    }
    return devices
  }

  /// Rows of one part by device, each device's in time order.
  private struct Buckets {
    /// Row numbers, device by device; rows without a device come first.
    private var order: [UInt32]
    /// `starts[slot] ..< starts[slot + 1]` of `order`; slot 0 is no device, slot i + 1 device i.
    private var starts: [Int]

    init(_ part: PlannerPart) {
      let slotCount = part.words.count + 1
      starts = Array(repeating: 0, count: slotCount + 1)
      // `none` is the largest UInt32: adding one with wrap-around makes it slot 0.
      for device in part.devices { starts[Int(device &+ 1) + 1] += 1 }
      for slot in 1...slotCount { starts[slot] += starts[slot - 1] }
      order = Array(repeating: 0, count: part.devices.count)
      var next = starts
      for (row, device) in part.devices.enumerated() {
        let slot = Int(device &+ 1)
        order[next[slot]] = UInt32(row)
        next[slot] += 1
      }
      for slot in 0..<slotCount { sortByTime(starts[slot]..<starts[slot + 1], part.times) }
    }

    private mutating func sortByTime(_ range: Range<Int>, _ times: [Int64]) {
      var isOrdered = true
      for index in range.dropFirst()
      where times[Int(order[index])] < times[Int(order[index - 1])] {
        isOrdered = false
        break
      }
      if isOrdered { return }
      order[range].sort { left, right in
        let leftTime = times[Int(left)]
        let rightTime = times[Int(right)]
        return leftTime == rightTime ? left < right : leftTime < rightTime
      }
    }

    var usedDevices: [UInt32] {
      (0..<starts.count - 1).compactMap { slot in
        starts[slot] < starts[slot + 1] ? UInt32(truncatingIfNeeded: slot) &- 1 : nil
      }
    }

    func rows(of device: UInt32) -> ArraySlice<UInt32> {
      let slot = Int(device &+ 1)
      return order[starts[slot]..<starts[slot + 1]]
    }
  }
}

/// A bitmap of the rows that have a value, built row by row; nil when all have.
struct ValidityBuilder {
  private var words: [UInt64]
  private var absentCount = 0

  init(rowCount: Int) { words = Array(repeating: .max, count: (rowCount + 63) / 64) }

  mutating func setAbsent(_ row: Int) {
    words[row >> 6] &= ~(1 << UInt64(row & 63))
    absentCount += 1
  }

  /// The bitmap for `ParquetFileWriter.writeColumn`.
  var bitmap: [UInt64]? { absentCount == 0 ? nil : words }
}
