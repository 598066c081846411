import Base
import Testing

@testable import Config

/// What the file says of columns, for people.
@Suite struct DescriptionTests {
  private func described(_ text: String) throws -> Configuration {
    try read(
      minimal.replacing(
        "device: device_id",
        with: """
          device: device_id
              attributes: [{field: region, description: "\(text)"}]
              metrics: [{field: power, unit: W, description: "\(text) too"}]
          """))
  }

  @Test func `descriptions are read, shown, and no part of the fingerprint`() throws {
    let configuration = try described("where it is")
    let source = configuration.sources[0]
    #expect(source.attributes.map(\.description) == ["where it is"])
    guard case .fields(let fields) = source.metrics else {
      Issue.record("\(source.metrics)")
      return
    }
    #expect(fields.map(\.description) == ["where it is too"])
    #expect(try read(configuration.effectiveJSON.text).effective == configuration.effective)
    #expect(try described("elsewhere").fingerprint == configuration.fingerprint)
  }

  @Test func `another description takes effect with another session`() throws {
    let change = ConfigurationChange(from: try described("here"), to: try described("there"))
    #expect(change.refused.isEmpty)
    #expect(
      change.live.map(\.description) == [
        "sources[snapshots].attributes[region].description: here → there",
        "sources[snapshots].metrics[power].description: here too → there too",
      ])
  }
}
