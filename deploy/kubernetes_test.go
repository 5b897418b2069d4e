package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// manifest returns the objects of kubernetes.yaml. A field that Kubernetes does not know,
// or one that is there twice, is an error.
func manifest(t *testing.T) (*appsv1.Deployment, *corev1.Service) {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, appsv1.AddToScheme(scheme))
	require.NoError(t, corev1.AddToScheme(scheme))
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	content, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	var deployment *appsv1.Deployment
	var service *corev1.Service
	for r := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))); ; {
		document, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		object, _, err := decoder.Decode(document, nil, nil)
		require.NoError(t, err)
		switch object := object.(type) {
		case *appsv1.Deployment:
			deployment = object
		case *corev1.Service:
			service = object
		}
	}
	require.NotNil(t, deployment)
	require.NotNil(t, service)
	return deployment, service
}

func TestKubernetes(t *testing.T) {
	deployment, service := manifest(t)
	pod := deployment.Spec.Template
	assert.Equal(t, deployment.Spec.Selector.MatchLabels, pod.Labels)
	assert.Equal(t, service.Spec.Selector, pod.Labels)
	require.Len(t, pod.Spec.Containers, 1)
	c := pod.Spec.Containers[0]
	port := c.Ports[0]
	assert.Equal(t, port.Name, service.Spec.Ports[0].TargetPort.StrVal)
	for path, probe := range map[string]*corev1.Probe{"/ready": c.ReadinessProbe, "/health": c.LivenessProbe} {
		assert.Equal(t, path, probe.HTTPGet.Path)
		assert.Equal(t, port.Name, probe.HTTPGet.Port.StrVal)
	}
	assert.Equal(t, "/ready", c.StartupProbe.HTTPGet.Path)

	_, config := image(t)
	assert.Equal(t, config.User, fmt.Sprintf("%d:%d", *pod.Spec.SecurityContext.RunAsUser, *pod.Spec.SecurityContext.RunAsGroup))
	assert.True(t, *pod.Spec.SecurityContext.RunAsNonRoot)
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	assert.False(t, c.Resources.Requests.Memory().IsZero())
	assert.False(t, c.Resources.Limits.Memory().IsZero())

	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	assert.Equal(t, fmt.Sprintf(":%d", port.ContainerPort), env["RHUMB_ADDR"])
	duration := func(name string) time.Duration {
		d, err := time.ParseDuration(env[name])
		require.NoError(t, err)
		return d
	}
	delay, timeout := duration("RHUMB_DRAIN_DELAY"), duration("RHUMB_SHUTDOWN_TIMEOUT")
	// Two seconds are for clients to leave and for what is answered with 503.
	assert.Greater(t, time.Duration(*pod.Spec.TerminationGracePeriodSeconds)*time.Second, delay+timeout+2*time.Second)
	seen := time.Duration(c.ReadinessProbe.PeriodSeconds*c.ReadinessProbe.FailureThreshold) * time.Second
	assert.Less(t, seen, delay, "the probe sees the end before the delay is over")
}

// The command takes what the manifest and the image say.
func TestEnvironment(t *testing.T) {
	deployment, _ := manifest(t)
	_, config := image(t)
	c := deployment.Spec.Template.Spec.Containers[0]
	cmd := exec.Command(binary(t), c.Args...)
	cmd.Env = config.Env
	help, err := exec.Command(binary(t), "serve", "--help").CombinedOutput()
	require.NoError(t, err)
	for _, e := range c.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
		assert.Contains(t, string(help), e.Name)
	}
	cmd.Env = append(cmd.Env, "RHUMB_ADDR=127.0.0.1:0", "RHUMB_DRAIN_DELAY=0s")
	start(t, cmd)()
}
