import Base
import Kafka

/// Takes records from a maker and brings them to Kafka, at the pace asked for.
///
/// One thread; librdkafka's own threads compress and send.
struct Delivery {
  /// Who decides the partition.
  enum Partitioning: Equatable, Sendable {
    /// The library, by the key.
    case byKey
    /// Device i goes to partition i modulo their number: spread evenly, for tests.
    case byDeviceIndex
  }

  struct Options: Sendable {
    var brokers: String
    var topic: String
    var properties: [(String, String)] = []
    var partitioning = Partitioning.byKey
    var pace = Pacer.Pace.asFastAsPossible
    /// Stop after so many records.
    var countMax = Int.max
    /// The record's timestamp is its newest event time; else the clock's.
    var usesEventTimestamps = false
    var recordLogPath: String?

    init(brokers: String, topic: String) {
      self.brokers = brokers
      self.topic = topic
    }
  }

  struct Report: Equatable, Sendable {
    var madeCount = 0
    /// Of keys and values.
    var byteCount = 0
    var acknowledgedCount = 0
    var failedCount = 0
    /// Neither acknowledged nor failed when patience ended.
    var unknownCount = 0
    var firstFailure: String?
    var isStoppedEarly = false
    var seconds = 0.0
  }

  let options: Options

  /// Makes and sends every record, waits for what became of them, and proves the record log.
  func run<Maker: RecordMaker & ~Copyable>(
    _ maker: inout Maker
  ) throws(ProduceError) -> Report {
    let query = try TopicQueryScope(options)
    defer { query?.query.close() }
    var log: RecordLog?
    if let path = options.recordLogPath, let query {
      log = try RecordLog(
        path: path, topic: options.topic, firstOffsets: query.endOffsets())
    }
    let producer: KafkaProducer
    do {
      var settings = KafkaProducer.Options(
        brokers: options.brokers, clientID: "downlinkd-produce")
      settings.properties = options.properties
      producer = try KafkaProducer(settings)
    } catch {
      throw .kafka(error)
    }
    defer { producer.close() }
    var run = DeliveryRun(
      options, producer, partitionCount: query?.partitionCount, log: log.take())
    try run.sendAll(&maker)
    let report = run.finish()
    if let query {
      try run.closeLog(report) { () throws(ProduceError) in try query.endOffsets() }
    }
    return report
  }

  /// Makes every record and sends none: to try a command, and to see how fast they are made.
  func rehearse<Maker: RecordMaker & ~Copyable>(
    _ maker: inout Maker
  ) throws(ProduceError) -> Report {
    var report = Report()
    let startNanos = MonotonicClock.nowNanos()
    var record = OutgoingRecord()
    while report.madeCount < options.countMax, StopSignals.count == 0,
      try maker.next(into: &record)
    {
      report.madeCount += 1
      report.byteCount += record.key.count + record.payload.count
    }
    report.isStoppedEarly = StopSignals.count > 0
    report.seconds = Double(MonotonicClock.nowNanos() - startNanos) / 1e9
    return report
  }
}

/// A topic query where one is needed: for partitions of our own choice, or to prove a record log.
private struct TopicQueryScope {
  let query: TopicQuery
  let partitionCount: Int

  init?(_ options: Delivery.Options) throws(ProduceError) {
    guard options.partitioning == .byDeviceIndex || options.recordLogPath != nil else {
      return nil
    }
    do throws(KafkaError) {
      query = try TopicQuery(
        brokers: options.brokers, topic: options.topic, properties: options.properties)
    } catch {
      throw .kafka(error)
    }
    do throws(KafkaError) {
      partitionCount = try query.partitionCount()
    } catch {
      query.close()
      throw .kafka(error)
    }
  }

  func endOffsets() throws(ProduceError) -> [Int64] {
    do throws(KafkaError) {
      return try query.endOffsets(partitionCount: partitionCount)
    } catch {
      throw .kafka(error)
    }
  }
}
