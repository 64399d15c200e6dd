// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// card is the one of QEMU's user network (-net), in which the guest is 10.0.2.15, and
// what it sends to 10.0.2.2 arrives at the host's loopback.
const card = "eth0"

// networkArguments are those of QEMU. The driver is one of bootModules.
func networkArguments() []string {
	return []string{"-netdev", "user,id=net", "-device", "e1000,netdev=net"}
}

// networkUp switches on loopback, and the network card if there is one. The
// kernel gives loopback its addresses.
func networkUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if err := interfaceUp(fd, "lo"); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	if _, err := os.Stat("/sys/class/net/" + card); err != nil {
		return nil
	}
	err = errors.Join(
		setAddress(fd, syscall.SIOCSIFADDR, [4]byte{10, 0, 2, 15}),
		setAddress(fd, syscall.SIOCSIFNETMASK, [4]byte{255, 255, 255, 0}),
		interfaceUp(fd, card))
	if err != nil {
		return fmt.Errorf("%s: %w", card, err)
	}
	return nil
}

// interfaceUp sets IFF_UP.
func interfaceUp(fd int, name string) error {
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP}
	copy(request.name[:], name)
	return ioctl(uintptr(fd), syscall.SIOCSIFFLAGS, unsafe.Pointer(&request))
}

// setAddress sets an address, or the mask, of the card.
func setAddress(fd int, what uintptr, address [4]byte) error {
	request := struct {
		name    [syscall.IFNAMSIZ]byte
		address syscall.RawSockaddrInet4
		_       [8]byte
	}{address: syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: address}}
	copy(request.name[:], card)
	return ioctl(uintptr(fd), what, unsafe.Pointer(&request))
}
