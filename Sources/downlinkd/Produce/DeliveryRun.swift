import Base
import Kafka

/// One run of a `Delivery`: the loop over its records.
struct DeliveryRun: ~Copyable {
  private let options: Delivery.Options
  private let producer: KafkaProducer
  /// Known where we choose partitions.
  private let partitionCount: Int?
  private var log: RecordLog?
  private var report = Delivery.Report()
  private let startNanos = MonotonicClock.nowNanos()
  private var pacer: Pacer
  private var progress: ProgressLine
  /// Client errors shown already; the same one comes with every attempt to connect.
  private var shownErrors: Set<String> = []

  init(
    _ options: Delivery.Options, _ producer: KafkaProducer, partitionCount: Int?,
    log: consuming RecordLog?
  ) {
    self.options = options
    self.producer = producer
    self.partitionCount = partitionCount
    self.log = log
    pacer = Pacer(options.pace, startNanos: startNanos)
    progress = ProgressLine(startNanos: startNanos)
  }

  // MARK: - Sending

  mutating func sendAll<Maker: RecordMaker & ~Copyable>(
    _ maker: inout Maker
  ) throws(ProduceError) {
    var record = OutgoingRecord()
    let planned = maker.plannedCount.map { min($0, options.countMax) }
    while report.madeCount < options.countMax {
      guard StopSignals.count == 0 else {
        report.isStoppedEarly = true
        return
      }
      guard try maker.next(into: &record) else { return }
      guard waitUntilDue(record) else { continue }
      let timestampMillis =
        (options.usesEventTimestamps ? record.eventMicros : WallClock.nowMicros()) / 1000
      let partition = partition(of: record)
      guard try send(record, partition, timestampMillis) else { continue }
      if let partition {
        try log?.append(partition: partition, timestampMillis: timestampMillis) { line in
          maker.appendLogMembers(of: record, to: &line)
        }
      }
      report.madeCount += 1
      report.byteCount += record.key.count + record.payload.count
      if report.madeCount % 256 == 0 {
        showProgress(planned.map { Double(report.madeCount) / Double($0) } ?? maker.share)
      }
    }
  }

  private func partition(of record: OutgoingRecord) -> Int32? {
    guard let partitionCount else { return nil }
    switch options.partitioning {
    case .byDeviceIndex: return Int32(record.deviceIndex % partitionCount)
    case .byKey: return Murmur2.partition(of: record.key, count: partitionCount)
    }
  }

  /// False if a signal came first.
  private mutating func waitUntilDue(_ record: OutgoingRecord) -> Bool {
    guard
      let dueNanos = pacer.dueNanos(index: report.madeCount, eventMicros: record.eventMicros)
    else { return true }
    while true {
      let remaining = dueNanos - MonotonicClock.nowNanos()
      if remaining <= 0 { return true }
      // Below a millisecond the record goes early rather than the loop spinning.
      guard remaining >= 1_000_000 else { return true }
      if StopSignals.wait(timeoutMillis: Int32(min(remaining / 1_000_000, 100))) { return false }
      producer.poll(timeoutMillis: 0)
      showProgress(nil)
    }
  }

  /// Hands a record to the producer; false if a signal came while its queue was full.
  private mutating func send(
    _ record: OutgoingRecord, _ partition: Int32?, _ timestampMillis: Int64
  ) throws(ProduceError) -> Bool {
    while true {
      do throws(KafkaError) {
        try producer.produce(
          topic: options.topic, partition: partition, key: record.key,
          value: record.isTombstone ? nil : record.payload, timestampMillis: timestampMillis,
          timeoutMillis: 500)
        return true
      } catch {
        guard error.code == .queueFull else { throw .kafka(error) }
        showErrors()
        showProgress(nil)
        if StopSignals.count > 0 { return false }
      }
    }
  }

  // MARK: - The end

  /// Waits until all is acknowledged or given up (librdkafka's `message.timeout.ms` bounds it), or
  /// until somebody asks a second time to stop.
  mutating func finish() -> Delivery.Report {
    while !producer.flush(timeoutMillis: 100), StopSignals.count < 2 {
      showErrors()
      showProgress(nil)
    }
    progress.end()
    showErrors()
    report.unknownCount = producer.outstandingCount
    report.failedCount = producer.failedCount
    report.firstFailure = producer.firstFailure?.description
    report.acknowledgedCount = report.madeCount - report.failedCount - report.unknownCount
    report.seconds = Double(MonotonicClock.nowNanos() - startNanos) / 1e9
    return report
  }

  /// Proves the record log, where one is written.
  mutating func closeLog(
    _ report: Delivery.Report, endOffsets: () throws(ProduceError) -> [Int64]
  ) throws(ProduceError) {
    guard log != nil else { return }
    try log?.close(
      endOffsets: try endOffsets(), failedCount: report.failedCount + report.unknownCount)
  }

  private mutating func showProgress(_ share: Double?) {
    guard progress.isShown else { return }
    progress.update(
      nowNanos: MonotonicClock.nowNanos(), madeCount: report.madeCount,
      acknowledgedCount: report.madeCount - producer.outstandingCount - producer.failedCount,
      share: share)
  }

  private mutating func showErrors() {
    for error in producer.takeErrors() where shownErrors.insert(error.description).inserted {
      progress.end()
      complain("produce: \(error)")
    }
  }
}
