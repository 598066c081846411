// Placeholder by the lead so that the pipeline builds: the engine (H1) replaces this whole file.
package import Base
package import Telemetry
package struct AnomalyOrigin: Equatable, Sendable {
  package init(topic: String, incarnation: Int64, partition: Int32) {}
}
package struct OpenAnomalyCount: Equatable, Sendable { package var detector: String; package var severity: AnomalyEvent.Severity; package var count: Int; package init(detector: String, severity: AnomalyEvent.Severity, count: Int) { self.detector = detector; self.severity = severity; self.count = count } }
package struct DetectorCounts: Equatable, Sendable { package init() {}
  package var refused: Int64 = 0
  package var lateForBuckets: Int64 = 0 }
package enum DetectorsError: Error { case damagedState(detail: String) }
package struct PartitionDetectors: ~Copyable, Sendable {
  package init(schema: ReadingSchema, definitions: [DetectorDefinition], origin: AnomalyOrigin, outOfOrdernessMicros: Int64) { self.definitions = definitions }
  package mutating func apply(_ batch: borrowing ReadingBatch, records: Range<Int>, vocabulary: borrowing Vocabulary, into events: inout [AnomalyEvent]) {}
  package mutating func reconfigure(_ definitions: [DetectorDefinition], offset: Int64, vocabulary: borrowing Vocabulary, into events: inout [AnomalyEvent]) { self.definitions = definitions }
  package func encode(into writer: inout ByteWriter) {}
  package init(schema: ReadingSchema, origin: AnomalyOrigin, outOfOrdernessMicros: Int64, from reader: inout ByteReader) throws(DetectorsError) { definitions = [] }
  package private(set) var definitions: [DetectorDefinition]
  package var openCounts: [OpenAnomalyCount] { [] }
  package var byteCount: Int { 0 }
  package var counts = DetectorCounts()
}
