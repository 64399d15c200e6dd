// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"path/filepath"
)

// Controllers make pods of workloads and bind them to nodes: kube-controller-manager
// and kube-scheduler.
type Controllers struct{ processes []*process }

// StartControllers starts the two programs, as Start does. They work as soon as
// the API server answers them.
func (s *Server) StartControllers() (*Controllers, error) {
	config := s.file("controllers.kubeconfig")
	if err := s.WriteKubeconfig(config, ""); err != nil {
		return nil, err
	}
	c := &Controllers{}
	for program, args := range map[string][]string{
		"kube-controller-manager": {
			// Besides what makes pods: they go with what made them, and nodes that are
			// ready lose their taint.
			"--controllers=deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller," +
				"job-controller,cronjob-controller,garbage-collector-controller,node-lifecycle-controller",
		},
		"kube-scheduler": nil,
	} {
		args = append(args, "--kubeconfig="+config, "--authentication-kubeconfig="+config, "--authorization-kubeconfig="+config,
			"--leader-elect=false", "--secure-port=0")
		p, err := start(s.dir, filepath.Join(s.bin, program), args...)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.processes = append(c.processes, p)
	}
	return c, nil
}

// Stop stops both programs.
func (c *Controllers) Stop() error {
	var err error
	for _, p := range c.processes {
		err = errors.Join(err, p.stop())
	}
	return err
}
