import Config
import Testing

/// Metrics that are the values of a map, and zeros that are never sent.
@Suite struct MapMetricTests {
  private func text(_ metrics: String) -> String {
    minimal.replacing("device: device_id", with: "device: device_id\n    \(metrics)")
  }

  private func complaints(_ metrics: String) -> [String] {
    faults(of: text(metrics)).map { fault in
      "\(fault.keyPath): \(fault.message)" + (fault.suggestion.map { " = " + $0 } ?? "")
    }
  }

  @Test func `the value of a key is a column, named after map and key`() throws {
    let source = try read(
      text(
        "metrics: [{field: values, key: temp}, {field: v.n, key: 7}, "
          + "{field: values, key: a b, name: ab, unit: V}]")
    ).sources[0]
    guard case .fields(let fields) = source.metrics else {
      Issue.record("\(source.metrics)")
      return
    }
    #expect(fields.map(\.name) == ["values_temp", "v_n_7", "ab"])
    #expect(fields.map(\.key) == ["temp", "7", "a b"])
    #expect(fields.map(\.field) == ["values", "v.n", "values"])
    #expect(
      complaints("metrics: [{field: values, key: a b}]") == [
        "sources[0].metrics[0].key: `values_a b`, from the map and its key, cannot be a column"
          + " = name it: {field: values, key: …, name: …}"
      ])
  }

  @Test func `a key counts in the fingerprint, and a change of it is shown`() throws {
    let first = try read(text("metrics: [{field: v, key: a, name: x}]"))
    let second = try read(text("metrics: [{field: v, key: b, name: x}]"))
    #expect(first.fingerprint != second.fingerprint)
    #expect(
      ConfigurationChange(from: first, to: second).live.map(\.description) == [
        "sources[snapshots].metrics: [v[a] as x] → [v[b] as x]"
      ])
    #expect(first.effective.contains("key: "))
  }

  @Test func `zeros that are never sent are nulls unless it is said`() throws {
    let plain = try read(minimal)
    let zero = try read(text("implicit_zero: true"))
    #expect(!plain.sources[0].implicitZero && zero.sources[0].implicitZero)
    #expect(plain.fingerprint != zero.fingerprint)
    #expect(try read(text("implicit_zero: false")).fingerprint == plain.fingerprint)
    #expect(
      complaints("implicit_zero: yes") == [
        "sources[0].implicit_zero: `yes` is not known here; expected true or false = write true"
      ])
  }
}
