import Base

/// Devices that fell silent in the same minute, beyond those that have an anomaly of their own.
struct SilenceSummary: Equatable, Sendable {
  /// How far its own life is.
  enum Phase: UInt8, Sendable {
    /// Its minute is not over.
    case gathering
    case open
    /// The cap refused it. It stays until its devices are heard, and makes no row.
    case refused
  }

  /// How many examples and how many values of an attribute the evidence names.
  static let exampleCountMax = 5
  static let attributeValueCountMax = 5

  var phase = Phase.gathering
  /// The minute of the partition's clock in which its devices became due.
  let minute: Int64
  /// Devices it was made of, and those of them not heard since.
  var deviceCount = 0
  var silentCount = 0
  var firstDue = Int64.max
  var lastDue = Int64.min
  /// The first devices, in the order in which they were due.
  var examples: [UInt32] = []
  /// For each attribute how many devices had each word. Emptied when the summary opens.
  var attributeCounts: [[UInt32: Int]]
  var id: UInt64 = 0
  var openingOffset: Int64 = 0

  init(minute: Int64, attributeCount: Int) {
    self.minute = minute
    attributeCounts = Array(repeating: [:], count: attributeCount)
  }

  /// Adds a device that became due.
  mutating func add(_ device: UInt32, due: Int64, attributes: ArraySlice<UInt32>) {
    deviceCount += 1
    silentCount += 1
    firstDue = min(firstDue, due)
    lastDue = max(lastDue, due)
    if examples.count < Self.exampleCountMax { examples.append(device) }
    for (column, word) in attributes.enumerated() { attributeCounts[column][word, default: 0] += 1 }
  }
}

/// One detector of silence in one partition.
///
/// All devices stand in one list by their last record (`PartitionDetectors.recency`), and those
/// that are due are always its old end: `cursor` is the oldest device that is not silent yet. So a
/// record costs O(1), and nothing is ever searched.
///
/// Of the devices that become due within one minute of the partition's clock the first
/// `individualCountMax` get an anomaly of their own; the others share a summary.
struct SilenceWatch: Equatable, Sendable {
  /// Anomalies of single devices that one minute may bring.
  static let individualCountMax = 20
  static let minuteMicros: Int64 = 60_000_000
  static let noSummary = UInt32.max
  static let noDevice = UInt32.max

  let definition: Int
  let afterMicros: Int64
  /// The oldest device of the list that is not silent, or `noDevice`: the next one heard then is.
  var cursor = SilenceWatch.noDevice
  /// The minute of the newest device that became due, and how many were due in it with an anomaly
  /// of their own.
  var minute = EventTime.none
  var individualCount = 0
  /// By number; nil where all devices are back. The one of the current minute is `gathering`.
  var summaries: [SilenceSummary?] = []
  /// Of the current minute, while its phase is `gathering`.
  var gathering: Int?
  /// By device the number of its summary, or `noSummary`. Empty until the first summary.
  var summaryOfDevice: [UInt32] = []

  init(definition: Int, afterMicros: Int64) {
    self.definition = definition
    self.afterMicros = afterMicros
  }

  var byteCount: Int {
    summaryOfDevice.count * 4
      + summaries.reduce(summaries.count * MemoryLayout<SilenceSummary?>.stride) { total, summary in
        total + (summary?.attributeCounts.reduce(0) { $0 + $1.capacity * 16 } ?? 0)
      }
  }

  /// The summary of a device that is silent as one of many; nil where it is not.
  func summary(ofDevice device: UInt32) -> Int? {
    guard Int(device) < summaryOfDevice.count else { return nil }
    let number = summaryOfDevice[Int(device)]
    return number == Self.noSummary ? nil : Int(number)
  }

  /// Adds a device to the summary of the current minute.
  mutating func gather(_ device: UInt32, due: Int64, attributes: ArraySlice<UInt32>) {
    let number = gathering ?? makeSummary(attributeCount: attributes.count)
    gathering = number
    while summaryOfDevice.count <= Int(device) { summaryOfDevice.append(Self.noSummary) }
    summaryOfDevice[Int(device)] = UInt32(number)
    summaries[number]?.add(device, due: due, attributes: attributes)
  }

  private mutating func makeSummary(attributeCount: Int) -> Int {
    let summary = SilenceSummary(minute: minute, attributeCount: attributeCount)
    if let free = summaries.firstIndex(where: { $0 == nil }) {
      summaries[free] = summary
      return free
    }
    summaries.append(summary)
    return summaries.count - 1
  }

  /// Drops a summary all of whose devices are back.
  mutating func removeSummary(_ number: Int) {
    summaries[number] = nil
    while let last = summaries.last, last == nil { summaries.removeLast() }
    if summaries.isEmpty { summaryOfDevice = [] }
  }
}

/// What a partition keeps of one definition apart from its series: the cap, and how many are open.
struct DefinitionState: Equatable, Sendable {
  /// The open anomaly that says the cap is reached.
  struct Cap: Equatable, Sendable {
    let id: UInt64
    let openingOffset: Int64
    /// Of the opening it refused first.
    let eventTime: Int64
    /// Openings it has refused.
    var refusedCount: Int64
  }

  var openWarningCount = 0
  var openCriticalCount = 0
  var cap: Cap?

  /// Open anomalies, the cap's own not among them.
  var openCount: Int { openWarningCount + openCriticalCount }

  /// Counts an anomaly that opened (`change` 1) or closed (−1).
  mutating func count(_ severity: AnomalyEvent.Severity, _ change: Int) {
    if severity == .critical { openCriticalCount += change } else { openWarningCount += change }
  }

  /// Whether so few are open that the cap's anomaly ends: below 90 % of it.
  func isRelieved(openCountMax: Int) -> Bool { openCount < openCountMax - openCountMax / 10 }
}
