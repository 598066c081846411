import Testing

@testable import Pipeline
@testable import TableReading

/// Which tables of a status say how far they are final.
@Suite struct TableFinalityTests {
  @Test func `readings say it of their source, windows of all, and others nothing`() {
    let tables = ["readings_a", "readings_b", "windows", "anomalies", "devices", "readings_a_b"]
    let status = PipelineStatus(
      pipeline: "fleet", program: "test", configFingerprint: "", startedAtMicros: 0
    ).with(
      tables.map { .init(name: $0) },
      finality: [SourceFinality(source: "a"), SourceFinality(source: "b")],
      finalityTrouble: "cannot read it")
    #expect(status.finalityTrouble == "cannot read it")
    #expect(status.tables.map(\.name) == tables)
    #expect(
      status.tables.map { $0.finality.map(\.source) } == [["a"], ["b"], ["a", "b"], [], [], []])
  }
}
