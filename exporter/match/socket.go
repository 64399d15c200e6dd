// SPDX-License-Identifier: Apache-2.0

package match

import (
	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Fields of a socket, as bpf/network.h numbers them.
const (
	fieldFamily          = 0
	fieldProtocol        = 2
	fieldState           = 3
	fieldSourcePort      = 4
	fieldDestinationPort = 5
)

// privilegedPorts are those which only a privileged process may bind, unless
// the system is configured otherwise.
func privilegedPorts() []policy.Range { return []policy.Range{{Max: 1023}} }

// socketSource says how sock_word and sock_address read values of a type.
func socketSource(t policy.Type) int32 {
	switch t {
	case "skb":
		return 1
	case "sockaddr", "sockaddr_un":
		return 2
	case "socket":
		return 3
	}
	return 0
}

// socket makes the condition of a filter on a socket, packet or address.
func (b builder) socket(f filtered) (condition, error) {
	switch f.Operator.Positive() {
	case policy.Family:
		return b.socketWord(f, fieldFamily, f.Values)
	case policy.Protocol:
		return b.socketWord(f, fieldProtocol, f.Values)
	case policy.State:
		return b.socketWord(f, fieldState, f.Values)
	case policy.SPort:
		return b.socketWord(f, fieldSourcePort, f.Values)
	case policy.DPort:
		return b.socketWord(f, fieldDestinationPort, f.Values)
	case policy.SPortPriv:
		return b.socketWord(f, fieldSourcePort, privilegedPorts())
	case policy.DPortPriv:
		return b.socketWord(f, fieldDestinationPort, privilegedPorts())
	case policy.SAddr, policy.DAddr:
		return newAddress(f), nil
	}
	return nil, f.refused()
}

func (b builder) socketWord(f filtered, field int32, ranges []policy.Range) (condition, error) {
	names := map[int32]string{
		fieldFamily: "family", fieldProtocol: "protocol", fieldState: "state",
		fieldSourcePort: "source port", fieldDestinationPort: "destination port",
	}
	o := unsigned(64)
	return membership{
		order: o, cost: rankSocket, negated: f.Operator.Negated(),
		text:    f.name + " " + names[field] + " " + describe(f.Operator, o, ranges, nil),
		members: o.union(ranges),
		load: func(c *code) operand {
			c.call("sock_word", f.arg.parameter(c, asm.R2), asm.Mov.Imm(asm.R3, socketSource(f.arg.Type)<<8|field))
			return operand{register: asm.R0}
		},
	}, nil
}

// fileType makes the condition of a filter on the type of a file.
func (b builder) fileType(f filtered) (condition, error) {
	kind, ok := textKind(f.arg)
	if !ok || !f.arg.Type.File() {
		return nil, f.refused()
	}
	o := unsigned(32)
	return membership{
		order: o, cost: rankFileType, negated: f.Operator.Negated(),
		text:    f.name + " file type " + describe(f.Operator, o, f.Values, nil),
		members: o.union(f.Values),
		load: func(c *code) operand {
			c.call("file_type", f.arg.parameter(c, asm.R2), asm.Mov.Imm(asm.R3, kind))
			return operand{asm.R0, true}
		},
	}, nil
}
