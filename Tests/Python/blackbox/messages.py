"""Payloads of the built-in message types, written field by field from telemetry.proto.

By hand, so that a test can also write what a library would refuse to, and shares no code with the
program's own encoder.
"""

import struct

WIDE = "fleet.telemetry.v1.DeviceTelemetry"
BATCH = "fleet.telemetry.v1.TelemetryBatch"

# Fields 6 to 15 of DeviceTelemetry.
METRICS = [
    "battery_voltage_v", "battery_current_a", "battery_temperature_c", "state_of_charge_pct",
    "solar_power_w", "bus_power_w", "cpu_temperature_c", "radio_snr_db", "wheel_speed_rpm",
    "panel_angle_deg",
]  # fmt: skip

VARINT, FIXED64, BYTES = 0, 1, 2


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def key(number, wire_type):
    return varint(number << 3 | wire_type)


def text(number, value):
    """A string or bytes field; nothing for None."""
    if value is None:
        return b""
    data = value.encode() if isinstance(value, str) else value
    return key(number, BYTES) + varint(len(data)) + data


def integer(number, value):
    return b"" if value is None else key(number, VARINT) + varint(value)


def fixed64(number, value):
    return b"" if value is None else key(number, FIXED64) + struct.pack("<Q", value)


def double(number, value):
    return b"" if value is None else key(number, FIXED64) + struct.pack("<d", value)


def wide(device, time_ms, metrics, region=None, firmware=None, sequence=None):
    """A DeviceTelemetry; `metrics` maps names of METRICS to values."""
    payload = text(1, device) + fixed64(2, time_ms) + text(3, region) + text(4, firmware)
    payload += integer(5, sequence)
    for name, value in metrics.items():
        payload += double(6 + METRICS.index(name), value)
    return payload


def sample(time_us, metric, value):
    return fixed64(1, time_us) + text(2, metric) + double(3, value)


def batch(device, samples, region=None, firmware=None, model=None, sequence=None):
    """A TelemetryBatch; a sample is (µs, metric, value)."""
    payload = text(1, device) + text(2, region) + text(3, firmware) + text(4, model)
    payload += integer(5, sequence)
    return payload + b"".join(text(6, sample(*one)) for one in samples)


def wide_source(name="snapshots", topics=("telemetry",), **more):
    return {
        "name": name,
        "topics": list(topics),
        "message": WIDE,
        "device": "device_id",
        "time": {"field": "time_unix_ms", "unit": "ms"},
        "sequence": "sequence",
        "attributes": ["region", "firmware"],
        "metrics": "all",
        **more,
    }


def narrow_source(name="samples", topics=("samples",), **more):
    return {
        "name": name,
        "topics": list(topics),
        "message": BATCH,
        "rows": "samples",
        "device": "device_id",
        "time": {"field": "samples.time_unix_us", "unit": "us"},
        "sequence": "sequence",
        "attributes": ["region", "firmware", "model"],
        "metric": {"name": "samples.metric", "value": "samples.value"},
        **more,
    }
